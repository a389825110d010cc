// Mixtral on the CPU: transformers' numbers, and what must hold of every model though a batch meets in the experts.
#include <cmath>

#include "inference/scorer.h"
#include "testing/experts_check.h"
#include "testing/plain_backend.h"
#include "testing/trees.h"
#include "training/trainer.h"

namespace cheems::model {
namespace {

using namespace testing;

// Shared prefixes, single tokens, a sample longer than the smaller micro-batches below.
OwnedSamples long_prompts() {
  OwnedSamples samples;
  const auto wrapped = [](const std::vector<int32_t>& numbers) {
    std::vector<int32_t> tokens;
    for (const int32_t number : numbers) tokens.push_back(number * 7 % 40);
    return tokens;
  };
  const auto prompt = ids(0, 37);
  for (const auto& tail : {ids(50, 5), ids(60, 30), ids(90, 1)}) samples.add(wrapped(joined(prompt, tail)), 0);
  samples.add({0}, 1);
  samples.add(wrapped(ids(3, 100)), 2);
  for (const auto& tail : {ids(11, 20), ids(12, 3)}) samples.add(wrapped(joined(ids(5, 21), tail)), 3);
  return samples;
}

TEST_CASE("mixtral: logits are transformers', read from both spellings of config.json, under every target") {
  for_each_simd_target([](const std::string&) {
    for (const bool legacy : {false, true}) check_mixtral_logits(mixtral_folder(), legacy, cpu_backend(2));
  });
  check_mixtral_logits(mixtral_folder(), false, plain_backend<double>());
}

TEST_CASE(
    "mixtral: a sample's reward is its own to the bit, alone, packed, in any order, cut anyhow, with 1, 2 and 3 "
    "threads") {
  const SmallModel folder(small_mixtral_config());
  const OwnedSamples samples = long_prompts();
  const auto expected = rewards(*folder.load(1), samples);
  OwnedSamples reversed;
  std::vector<float> turned;
  const auto count = static_cast<int32_t>(samples.groups.size());
  const auto tokens_of = [&](int32_t s) {
    return std::vector<int32_t>(samples.tokens.begin() + samples.offsets[static_cast<size_t>(s)],
                                samples.tokens.begin() + samples.offsets[static_cast<size_t>(s) + 1]);
  };
  for (int32_t s = count - 1; s >= 0; --s) {
    reversed.add(tokens_of(s), 3 - samples.groups[static_cast<size_t>(s)]);
    turned.push_back(expected[static_cast<size_t>(s)]);
  }
  for (const int threads : {1, 2, 3}) {
    CAPTURE(threads);
    const auto model = folder.load(threads);
    CHECK(same_bits(rewards(*model, samples), expected));
    CHECK(same_bits(rewards(*model, samples, {.share_prompts = false}), expected));
    CHECK(same_bits(rewards(*model, samples, {.micro_batch_tokens = 30}), expected));
    CHECK(same_bits(rewards(*model, reversed), turned));
    for (int32_t s = 0; s < count; ++s) {
      OwnedSamples alone;
      alone.add(tokens_of(s), 0);
      CHECK(same_bits(rewards(*model, alone), {expected[static_cast<size_t>(s)]}));
    }
  }
}

TEST_CASE("mixtral: with experts that are all alike it is a Mistral, and experts that nobody chooses do not matter") {
  const SmallModel folder(small_mixtral_config()), dense(small_config("mistral"));
  StoredTensors sparse = folder.tensors(), one;
  const std::string experts = ".block_sparse_moe.experts.";
  for (auto& [name, tensor] : sparse) {
    const size_t at = name.find(experts);
    if (at == std::string::npos) {
      if (name.find("block_sparse_moe") == std::string::npos) one[name] = tensor;
      continue;
    }
    const std::string layer = name.substr(0, at), matrix = name.substr(name.size() - 9, 2);
    tensor = sparse.at(layer + experts + "0." + matrix + ".weight");
    one[layer + (matrix == "w1"   ? ".mlp.gate_proj.weight"
                 : matrix == "w3" ? ".mlp.up_proj.weight"
                                  : ".mlp.down_proj.weight")] = tensor;
  }
  folder.write(sparse);
  dense.write(one);
  const auto expected = rewards(*dense.load(), long_prompts());
  const auto close = [&](const std::vector<float>& found) {
    CHECK(worst_error(found, as<double>(expected)) <= 1e-6 * std::max(1.0, largest(as<double>(expected))));
  };
  close(rewards(*folder.load(), long_prompts()));
  // A router of zeros: all tokens go to experts 0 and 1, which is as many rows as an expert can get; the others
  // overflow.
  for (auto& [name, tensor] : sparse) {
    if (name.ends_with("gate.weight")) std::fill(tensor.values.begin(), tensor.values.end(), 0.0f);
    if (name.find("experts.2.") != std::string::npos || name.find("experts.3.") != std::string::npos)
      std::fill(tensor.values.begin(), tensor.values.end(), 1e38f);
  }
  folder.write(sparse);
  close(rewards(*folder.load(), long_prompts()));
}

TEST_CASE("mixtral: 16-bit weights stay 16-bit in memory, and score as the same numbers in float32") {
  const SmallModel folder(small_mixtral_config(), DType::bfloat16);
  const auto kept = folder.load(2, true), widened = folder.load(2);
  CHECK(kept->parameters().tensors().layers[0].experts[3].down.dtype == DType::bfloat16);
  CHECK(kept->parameters().tensors().layers[0].router.dtype == DType::bfloat16);
  CHECK(same_bits(rewards(*kept, long_prompts()), rewards(*widened, long_prompts())));
}

TEST_CASE(
    "mixtral: weights have their published names, gate and up of an expert are one matrix, saved ones come back") {
  const SmallModel folder(small_mixtral_config());
  const auto model = folder.load();
  const StoredTensors before = folder.tensors();
  const auto& layer = model->parameters().tensors().layers[1];
  REQUIRE(layer.experts.size() == 4);
  CHECK((layer.router.rows == 4 && layer.router.columns == 16 && !layer.gate_up && !layer.down));
  const Tensor& gate_up = layer.experts[2].gate_up;
  const auto& w1 = before.at("model.layers.1.block_sparse_moe.experts.2.w1.weight").values;
  const auto& w3 = before.at("model.layers.1.block_sparse_moe.experts.2.w3.weight").values;
  CHECK((gate_up.rows == 48 && gate_up.columns == 16));
  CHECK(std::equal(w1.begin(), w1.end(), floats(gate_up)));
  CHECK(std::equal(w3.begin(), w3.end(), floats(gate_up) + w1.size()));
  model->save_weights(folder.weights_file());
  const StoredTensors after = folder.tensors();
  REQUIRE(after.size() == before.size());
  for (const auto& [name, tensor] : before) CHECK(same_bits(after.at(name).values, tensor.values));
  StoredTensors lacking = before;
  lacking.erase("model.layers.1.block_sparse_moe.experts.3.w2.weight");
  folder.write(lacking);
  check_refused(refusal([&] { folder.load(); }), {"model.layers.1.block_sparse_moe.experts.3.w2.weight", "lack"});
}

TEST_CASE("mixtral: config.json in full, with transformers' defaults, and what cannot be") {
  const storage::testing::TemporaryFolder folder;
  const auto read = [&](const nlohmann::json& config) {
    return read_architecture_file(folder.put("config.json", config.dump()));
  };
  const auto with = [](nlohmann::json config, const nlohmann::json& changes) {
    config.merge_patch(changes);  // a null removes the key
    return config;
  };
  const nlohmann::json config = small_mixtral_config();
  const Architecture a = read(config);
  CHECK((a.family == "mixtral" && a.class_prefix == "Mixtral" && a.num_experts == 4 && a.experts_per_token == 2 &&
         a.windows == std::vector<int64_t>{0, 0}));
  CHECK(read(with(config, {{"sliding_window", 9}})).windows == std::vector<int64_t>{9, 9});
  const Architecture defaults = read(with(config, {{"num_local_experts", nullptr},
                                                   {"num_experts_per_tok", nullptr},
                                                   {"rms_norm_eps", nullptr},
                                                   {"rope_theta", nullptr}}));
  CHECK((defaults.num_experts == 8 && defaults.experts_per_token == 2 && defaults.rms_norm_epsilon == 1e-5f &&
         defaults.rope.theta == 1e6));
  check_refused(refusal([&] {
                  read(with(config, {{"num_experts_per_tok", 5}}));
                }),
                {"config.json", "num_experts_per_tok", "5", "4"});
  check_refused(refusal([&] { read(with(config, {{"num_local_experts", 0}})); }), {"num_local_experts", "positive"});
  check_refused(refusal([&] {
                  read(with(config, {{"num_local_experts", 20000}}));
                }),
                {"num_local_experts", "more than any model"});
  check_refused(refusal([&] {
                  read(with(config, {{"num_local_experts", 9999}, {"intermediate_size", 1000000000}}));
                }),
                {"parameters", "one of the sizes wrong"});
}

TEST_CASE("mixtral: the plan of 8x7B counts every expert, and training is refused with a sentence") {
  nlohmann::json config = {{"model_type", "mixtral"}, {"hidden_size", 4096},       {"intermediate_size", 14336},
                           {"num_hidden_layers", 32}, {"num_attention_heads", 32}, {"num_key_value_heads", 8},
                           {"vocab_size", 32000},     {"rope_theta", 1e6},         {"rms_norm_eps", 1e-5},
                           {"num_local_experts", 8},  {"num_experts_per_tok", 2},  {"tie_word_embeddings", false}};
  const storage::testing::TemporaryFolder folder;
  const Architecture a = read_architecture_file(folder.put("config.json", config.dump()));
  // A layer: four projections, the router, three matrices an expert, two norms; then embedding, lm_head and final norm.
  const int64_t layer = 2 * 4096 * 4096 + 2 * 1024 * 4096 + 8 * 4096 + 8 * 3 * int64_t{4096} * 14336 + 2 * 4096;
  const ParameterLayout layout(a, DType::bfloat16, ModelEnd::vocabulary);
  CHECK(layout.count() == 32 * layer + 2 * int64_t{32000} * 4096 + 4096);
  CHECK(layout.count() == 46702792704);  // the published 46.7 billion
  MemoryPlan plan;
  training::TrainerOptions options;
  check_refused(refusal([&] {
                  training::Trainer::plan(
                      a, options, DType::float32, 512, [](const WorkspaceRequest&) { return int64_t{0}; }, plan);
                }),
                {"experts", "mixtral", "cannot be trained"});
  const SmallModel small(small_mixtral_config());
  const auto model = small.load();
  check_refused(refusal([&] { training::Trainer(*model, options); }), {"experts", "mixtral", "cannot be trained"});
}

}  // namespace
}  // namespace cheems::model
