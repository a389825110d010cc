// DeBERTa v3 against transformers' float64 rewards (fixtures/reference/models/deberta-v3), on the CPU.
#include <doctest/doctest.h>

#include "model/networks/body.h"
#include "model/networks/encoder.h"
#include "model/relative_positions.h"
#include "model/reward_model.h"
#include "testing/encoder_check.h"
#include "testing/small_model.h"

namespace cheems {
namespace {

using namespace testing;

TEST_CASE(
    "relative positions: the buckets that transformers computes, mirrored, and rows that never ascend or skip one") {
  const ReferenceModel reference(encoder_folder(), false);
  const auto arrays = reference.arrays();
  const auto* view = arrays.find("buckets");  // I64
  REQUIRE(view != nullptr);
  std::vector<int64_t> expected(static_cast<size_t>(view->elements()));
  REQUIRE(view->bytes.size() == expected.size() * sizeof(int64_t));
  std::memcpy(expected.data(), view->bytes.data(), view->bytes.size());
  for (size_t r = 0; r < expected.size(); ++r) {
    CHECK(model::relative_bucket(static_cast<int64_t>(r), 16, 64) == expected[r]);
    CHECK(model::relative_bucket(-static_cast<int64_t>(r), 16, 64) == -expected[r]);
  }
  for (const auto& [buckets, positions] : {std::pair<int64_t, int64_t>{16, 64}, {256, 512}, {4, 16}}) {
    const auto rows = model::relative_rows(buckets, positions, 3000);
    REQUIRE(rows.size() == 5999);
    CHECK(rows[2999] == buckets);
    CHECK(rows.front() == 2 * buckets - 1);
    CHECK(rows.back() == 0);
    for (size_t i = 1; i < rows.size(); ++i) CHECK((rows[i - 1] - rows[i] == 0 || rows[i - 1] - rows[i] == 1));
  }
}

TEST_CASE("deberta: transformers' rewards, both spellings of config.json, every SIMD target") {
  for_each_simd_target([](const std::string&) {
    for (const bool legacy : {false, true}) check_encoder_rewards({cpu_backend(2)}, legacy, 3e-5);
  });
}

TEST_CASE("deberta: a reward's bits depend on its sample alone, whatever the threads, the micro-batch and the order") {
  const ReferenceModel reference(encoder_folder(), false);
  const EncoderCases cases = encoder_cases(reference, 3);
  const auto expected = score_encoder(reference, cases.samples, {cpu_backend(1)});
  for (const int threads : {2, 5})
    CHECK(same_bits(score_encoder(reference, cases.samples, {cpu_backend(threads)}), expected));
  for (const int64_t budget : {1, 64, 200})
    CHECK(same_bits(score_encoder(reference, cases.samples, {cpu_backend(2), DType::float32, budget}), expected));
  // One at a time, the last first; and all as responses to one prompt, which must not be shared.
  OwnedSamples grouped;
  for (size_t s = cases.samples.groups.size(); s-- > 0;) {
    const std::vector<int32_t> ids(cases.samples.tokens.begin() + cases.samples.offsets[s],
                                   cases.samples.tokens.begin() + cases.samples.offsets[s + 1]);
    OwnedSamples alone;
    alone.add(ids, 0);
    CHECK(score_encoder(reference, alone, {cpu_backend(2)})[0] == expected[s]);
    grouped.add(ids, 0);
  }
  auto backwards = score_encoder(reference, grouped, {cpu_backend(2)});
  std::reverse(backwards.begin(), backwards.end());
  CHECK(same_bits(backwards, expected));
}

// The rewards of texts several times as long as max_position_embeddings, by transformers in float64 (long.json beside
// them).
TEST_CASE("deberta: texts longer than max_position_embeddings") { check_long_texts({cpu_backend(2)}, 3e-5); }

TEST_CASE("deberta: matrices kept in 16 bits give the rewards of the same numbers in float32") {
  const ReferenceModel reference(encoder_folder(), false);
  for (const DType dtype : {DType::bfloat16, DType::float16}) {
    const StoredFolder stored(reference, dtype);
    const EncoderCases cases = encoder_cases(reference, 1);
    const auto rewards = [&](bool keep) {
      const auto loaded = model::RewardModel::load({.folder = stored.folder(), .keep_16_bit = keep}, cpu_backend(2));
      CHECK(loaded->head().kind == "pooler");
      CHECK(loaded->parameters().layout().parameters().front().dtype == (keep ? dtype : DType::float32));
      inference::Scorer scorer(*loaded, {});
      return scorer.score(cases.samples.view(), Control()).rewards;
    };
    CHECK(same_bits(rewards(true), rewards(false)));
  }
}

TEST_CASE("deberta: what is not DeBERTa v3, and training, is refused with a sentence") {
  const ReferenceModel reference(encoder_folder(), false);
  const auto refused = [&](const char* key, const nlohmann::json& value, const std::vector<std::string>& parts) {
    const StoredFolder changed(reference, DType::float32, [&](nlohmann::json& config) { config[key] = value; });
    check_refused(refusal([&] { model::RewardModel::load({.folder = changed.folder()}, cpu_backend(1)); }), parts);
  };
  refused("position_biased_input", true, {"config.json", "position_biased_input", "true", "absolute position"});
  refused("relative_attention", false, {"relative_attention", "false"});
  refused("share_att_key", false, {"share_att_key", "projections"});
  refused("pos_att_type", "c2p", {"pos_att_type", "c2p and p2c"});
  refused("pos_att_type", nlohmann::json::array({"c2p", "p2p"}), {"pos_att_type"});
  refused("norm_rel_ebd", "none", {"norm_rel_ebd", "layer_norm"});
  refused("type_vocab_size", 2, {"type_vocab_size", "token type"});
  refused("conv_kernel_size", 3, {"conv_kernel_size", "convolution"});
  refused("hidden_act", "gelu_new", {"hidden_act", "gelu"});
  refused("pooler_hidden_act", "tanh", {"pooler_hidden_act"});
  refused("position_buckets", -1, {"position_buckets", "buckets"});
  refused("position_buckets", 60, {"position_buckets", "too many"});
  refused("num_labels", 2, {"2 labels", "not a reward model"});
  refused("id2label", nlohmann::json{{"0", "A"}, {"1", "B"}, {"2", "C"}}, {"3 labels", "id2label"});
  refused("num_hidden_layers", 2, {"deberta.encoder.layer.2", "no place"});
  refused("num_hidden_layers", 4, {"deberta.encoder.layer.3", "lack"});
  check_refused(
      refusal([&] { model::RewardModel::load({.folder = reference.folder(), .create_head = true}, cpu_backend(1)); }),
      {"encoder", "no training"});
  check_refused(refusal([&] {
                  model::RewardModel::load({.folder = reference.folder(), .reward_head = "score.weight"},
                                           cpu_backend(1));
                }),
                {"score.weight", "pooler"});
  check_refused(refusal([&] {
                  model::RewardModel::initialize(reference.folder() + "/config.json", 1,
                                                 reference.folder() + "/new.safetensors");
                }),
                {"encoder", "new weights"});
}

TEST_CASE("deberta: the plan's bytes are those that a scorer takes") {
  const ReferenceModel reference(encoder_folder(), false);
  const auto architecture = model::RewardModel::read_architecture(reference.folder());
  CHECK(&model::body_of(architecture) == &model::encoder_body());
  MemoryPlan plan;
  inference::Scorer::plan(
      architecture, {.micro_batch_tokens = 100}, DType::float32, 512,
      [](const WorkspaceRequest& request) {
        CHECK(request.relative_buckets == 32);
        return cpu_backend(2).operations().workspace_bytes(request);
      },
      plan);
  CHECK(plan.entries.size() == 3);
  CHECK(plan.total() > 0);
}

}  // namespace
}  // namespace cheems
