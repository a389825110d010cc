// Which output layer a language model has: its own, or its embedding.
#include "model/causal_model.h"
#include "testing/experts_check.h"
#include "testing/small_model.h"

namespace cheems {
namespace {

using namespace testing;

constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kOutput = "lm_head.weight";

struct Loaded {
  bool keeps_output_layer;
  std::vector<float> logits;
};

Loaded load(const SmallModel& folder, bool tied, const StoredTensors& tensors) {
  nlohmann::json config = small_config();
  config["tie_word_embeddings"] = tied;
  folder.write_config(config);
  folder.write(tensors);
  const auto model = model::CausalModel::load({.folder = folder.folder(), .precision = DType::float32}, cpu_backend(1));
  return {model->keeps_output_layer(), logits_of(*model, {1, 5, 9, 20, 33, 7})};
}

TEST_CASE(
    "language model: an lm_head of its own is used although config.json ties it to the embedding, and is told of") {
  const SmallModel folder;
  StoredTensors tensors = folder.tensors();
  tensors.erase("score.weight");
  const Loaded without = load(folder, true, tensors);
  CHECK_FALSE(without.keeps_output_layer);
  tensors[kOutput] = tensors.at(kEmbedding);
  const Loaded copy = load(folder, true, tensors);
  CHECK_FALSE(copy.keeps_output_layer);
  CHECK(same_bits(copy.logits, without.logits));
  tensors[kOutput].values.back() += 0.5f;
  const Loaded own = load(folder, true, tensors), untied = load(folder, false, tensors);
  CHECK((own.keeps_output_layer && !untied.keeps_output_layer));
  CHECK(same_bits(own.logits, untied.logits));
  CHECK_FALSE(same_bits(own.logits, without.logits));
}

TEST_CASE("language model: an lm_head is compared with the embedding by value, whatever their types") {
  const SmallModel folder;
  StoredTensors tensors = folder.tensors();
  tensors.erase("score.weight");
  for (float& value : tensors.at(kEmbedding).values) value = 0.5f;
  tensors[kOutput] = tensors.at(kEmbedding);
  tensors[kOutput].dtype = DType::bfloat16;
  CHECK_FALSE(load(folder, true, tensors).keeps_output_layer);
  tensors[kOutput].values.back() = 0.25f;
  CHECK(load(folder, true, tensors).keeps_output_layer);
}

}  // namespace
}  // namespace cheems
