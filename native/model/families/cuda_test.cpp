// Mixtral on the device. In bfloat16 the router may decide otherwise than float64 where two experts are nearly level,
// and then all that follows differs; so bfloat16 is held to the tolerance rule on texts whose tokens are all decided by
// a wide margin (kDecided); of other texts nothing can be asked of a single token.
#include "inference/scorer.h"
#include "testing/experts_check.h"
#include "testing/operation_check.h"

namespace cheems {
namespace {

using namespace testing;

// Texts of the reference's vocabulary for which the second and the third expert's logits are at least 1.5 apart for
// each token in each layer: chosen with transformers in float64 on weights rounded to bfloat16, token by token.
const std::vector<std::vector<int32_t>> kDecided = {{58, 14, 64, 35, 66, 30, 17, 84, 80, 73, 65, 8},
                                                    {5, 65, 10, 71, 34, 54, 69, 81, 61, 82, 84, 43},
                                                    {37, 36, 10, 81, 28, 54, 69, 53, 93, 26, 30, 24}};

TEST_CASE("device: mixtral's logits are transformers' in float32") {
  check_mixtral_logits(mixtral_folder(), false, device_backend());
}

TEST_CASE("device: mixtral in bfloat16 errs at most twice what plain loops do, where no choice is close") {
  const auto load = [](Backend& backend, DType precision) {
    return model::CausalModel::load({.folder = mixtral_folder(), .precision = precision}, backend);
  };
  const auto found_model = load(device_backend(), DType::bfloat16),
             plain_model = load(plain_backend<float>(), DType::bfloat16),
             exact_model = load(plain_backend<double>(), DType::float32);
  round_matrices(*exact_model);
  for (const auto& text : kDecided) {
    const auto found = as<double>(logits_of(*found_model, text)), plain = as<double>(logits_of(*plain_model, text)),
               exact = as<double>(logits_of(*exact_model, text));
    const double plain_error = worst_error(plain, exact), size = largest(exact), error = worst_error(found, exact);
    CAPTURE(plain_error);
    CAPTURE(size);
    CHECK(plain_error <= 0.03 * size);  // no choice was another: that costs far more
    CHECK(error <= 2 * plain_error + 0x1p-8 * size);
  }
}

TEST_CASE("device: mixtral's rewards repeat bit for bit, and are the CPU's in float32, prompts shared or not") {
  const SmallModel folder(small_mixtral_config());
  OwnedSamples samples;
  for (int32_t s = 0; s < 4; ++s) {
    std::vector<int32_t> tokens = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
    for (int32_t i = 0; i < 3 * s + 1; ++i) tokens.push_back((s * 11 + i * 5) % 40);
    samples.add(tokens, s / 2);
  }
  const auto score = [&](Backend& backend, bool share) {
    const auto model = model::RewardModel::load({.folder = folder.folder(), .precision = DType::float32}, backend);
    return inference::Scorer(*model, {.share_prompts = share}).score(samples.view(), Control()).rewards;
  };
  const auto expected = score(cpu_backend(2), true);
  for (const bool share : {true, false}) {
    const auto found = score(device_backend(), share);
    CHECK(same_bits(found, score(device_backend(), share)));
    for (size_t s = 0; s < found.size(); ++s) CHECK(found[s] == doctest::Approx(expected[s]).epsilon(2e-5));
  }
}

}  // namespace
}  // namespace cheems
