#include <doctest/doctest.h>

#include <set>

#include "model/parameters/encoder_parameters.h"
#include "model/parameters/layout.h"
#include "testing/causal_folder.h"
#include "testing/encoder_check.h"
#include "testing/small_model.h"

namespace cheems::model {
namespace {

using namespace testing;

std::vector<Architecture> every_body() {
  std::vector<Architecture> bodies;
  for (const std::string family : {"llama", "mistral", "mixtral", "qwen2", "qwen3", "gemma", "gemma2"}) {
    auto config = causal_config(family);
    if (family == "llama") config["attention_bias"] = config["mlp_bias"] = true;
    bodies.push_back(RewardModel::read_architecture(SmallModel(config).folder()));
  }
  bodies.push_back(RewardModel::read_architecture(ReferenceModel(encoder_folder(), false).folder()));
  return bodies;
}

TEST_CASE("parameters: every body's description has a role, a layer and a whole number of shares for each") {
  for (const Architecture& a : every_body()) {
    CAPTURE(a.family);
    const ParameterLayout layout(a, DType::bfloat16);
    std::set<std::string> names;
    std::set<int64_t> layers;
    for (const Parameter& p : layout.parameters()) {
      CAPTURE(p.name);
      CHECK(names.insert(p.name).second);
      layers.insert(p.layer);
      const bool in_layer = p.name.find(".layers.") != std::string::npos || p.name.find(".layer.") != std::string::npos;
      CHECK((p.layer >= 0) == in_layer);
      if (in_layer) CHECK(p.name.find("." + std::to_string(p.layer) + ".") != std::string::npos);
      CHECK((p.role == Role::embedding) == (&p == &layout.parameters().front()));
      if (p.role == Role::vector) CHECK(p.shape.size() == 1);
      if (p.is_matrix()) CHECK(p.shape.size() == 2);
      CHECK((p.dtype == DType::bfloat16) == p.is_matrix());
      if (p.sharding.axis == Sharding::Axis::rows) CHECK(p.rows() % p.sharding.unit == 0);
      if (p.sharding.axis == Sharding::Axis::columns) CHECK(p.columns() % p.sharding.unit == 0);
    }
    CHECK(layers.size() == static_cast<size_t>(a.num_layers) + 1);
  }
}

// A product's outputs are another's inputs: what one is cut into, the next is cut into as well.
TEST_CASE("parameters: ranks share outputs and the inputs behind them alike") {
  for (const Architecture& a : every_body()) {
    CAPTURE(a.family);
    const ParameterLayout layout(a, DType::float32);
    for (const Parameter& p : layout.parameters()) {
      CAPTURE(p.name);
      const auto ends = [&](std::initializer_list<const char*> names) {
        return std::any_of(names.begin(), names.end(), [&](const char* name) { return p.name.ends_with(name); });
      };
      const bool attention = ends({"q_proj.weight", "k_proj.weight", "v_proj.weight", "query_proj.weight",
                                   "key_proj.weight", "value_proj.weight"});
      const bool opens = attention || ends({"gate_proj.weight", "up_proj.weight", "w1.weight", "w3.weight",
                                            "intermediate.dense.weight"});
      const bool closes_attention = ends({"o_proj.weight", "attention.output.dense.weight"});
      const bool closes = closes_attention || ends({"down_proj.weight", "w2.weight"}) ||
                          (ends({"output.dense.weight"}) && !closes_attention);
      if (opens) CHECK(p.sharding.axis == Sharding::Axis::rows);
      if (closes) CHECK(p.sharding.axis == Sharding::Axis::columns);
      if (attention || closes_attention) CHECK(p.sharding.unit == a.head_size);
    }
  }
}

TEST_CASE("parameters: ranges are per layer, hold every parameter once, and leave out what is not trained") {
  for (const Architecture& a : every_body()) {
    CAPTURE(a.family);
    const ParameterLayout weights(a, DType::bfloat16);
    std::vector<char> block(static_cast<size_t>(weights.bytes()));
    const ParameterLayout trained(a, DType::float32, ModelEnd::reward_head,
                                  [](const Parameter& p) { return p.layer != 1; });
    for (const ParameterLayout* chosen : {&weights, &trained}) {
      const auto ranges = weights.ranges(block.data(), *chosen);
      const auto holders = [&](const Parameter& p) {
        const auto* at = static_cast<const char*>(weights.tensor(p, block.data()).data);
        return std::count_if(ranges.begin(), ranges.end(), [&](const ParameterRange& range) {
          const auto* begin = static_cast<const char*>(range.tensor.data);
          const auto size =
              range.tensor.rows * range.tensor.columns * static_cast<int64_t>(size_of(range.tensor.dtype));
          return at >= begin && at + p.count() * static_cast<int64_t>(size_of(p.dtype)) <= begin + size &&
                 range.layer == p.layer;
        });
      };
      for (size_t i = 0; i < weights.parameters().size(); ++i) {
        CAPTURE(weights.parameters()[i].name);
        CHECK(holders(weights.parameters()[i]) == (chosen->parameters()[i].trained ? 1 : 0));
      }
    }
    // The same elements in the same order, where the block of what is trained has them closer together.
    std::vector<char> moments(static_cast<size_t>(trained.bytes()));
    const auto ours = weights.ranges(block.data(), trained), theirs = trained.ranges(moments.data());
    REQUIRE(ours.size() == theirs.size());
    int64_t elements = 0;
    for (size_t i = 0; i < ours.size(); ++i) {
      CHECK(ours[i].tensor.rows == theirs[i].tensor.rows);
      CHECK(ours[i].layer == theirs[i].layer);
      CHECK(ours[i].role == theirs[i].role);
      elements += theirs[i].tensor.rows * theirs[i].tensor.columns;
    }
    CHECK(trained.bytes() < ParameterLayout(a, DType::float32).bytes());
    CHECK(trained.bytes() >= elements * 4);
  }
}

TEST_CASE("parameters: what is not trained has no view among the gradients") {
  const Architecture a = every_body().front();
  const ParameterLayout gradients(a, DType::float32, ModelEnd::reward_head,
                                  [](const Parameter& p) { return p.layer == 0 && p.role == Role::vector; });
  std::vector<char> block(static_cast<size_t>(gradients.bytes()));
  const ModelTensors tensors = gradients.tensors(block.data());
  CHECK_FALSE(
      (tensors.embedding || tensors.head || tensors.final_norm || tensors.layers[0].qkv || tensors.layers[0].down));
  CHECK((tensors.layers[0].qkv_bias && tensors.layers[0].input_norm && tensors.layers[0].gate_up_bias));
  CHECK((tensors.layers[0].any_of_mlp() && tensors.layers[0].any_of_attention()));
  CHECK_FALSE((tensors.layers[1].any_of_mlp() || tensors.layers[1].any_of_attention()));
}

}  // namespace
}  // namespace cheems::model
