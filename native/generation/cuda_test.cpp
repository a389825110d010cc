#include "testing/generation_check.h"
#include "testing/operation_check.h"

namespace cheems {
namespace {

using namespace testing;

TEST_CASE("cuda generation: transformers' greedy tokens and logits in float32") {
  for (const char* name : {"qwen2-causal", "qwen2-causal-tied"}) check_causal_reference(name, false, device_backend());
}

// The largest error against the truth over all steps before a sequence's tokens part from the truth's; `steps` counts
// them.
double worst_logit_error(const Generated& found, const Generated& truth, int64_t& steps) {
  double worst = 0;
  for (size_t i = 0; i < truth.tokens.size(); ++i) {
    for (size_t step = 0; step < truth.tokens[i].size(); ++step, ++steps) {
      for (size_t c = 0; c < truth.logits[i][step].size(); ++c)
        worst = std::max(worst, std::abs(static_cast<double>(found.logits[i][step][c]) - truth.logits[i][step][c]));
      if (found.tokens[i][step] != truth.tokens[i][step]) break;
    }
  }
  return worst;
}

TEST_CASE(
    "cuda generation: every family in float32 and bfloat16, in a cache with room for three, as near to the truth as "
    "plain loops") {
  for (const std::string& family : kDecoderFamilies) {
    CAPTURE(family);
    // Weights that bfloat16 holds exactly: the truth begins with the same ones.
    const CausalFolder folder(causal_config(family), DType::bfloat16);
    const OwnedSamples prompts = mixed_prompts();
    const GenerationOptions options{.micro_batch_tokens = 32, .max_sequences = 3};
    const auto run = [&](Backend& backend, DType precision) {
      return generate(*folder.load(backend, precision), prompts, options, 5);
    };
    const Generated truth = run(plain_backend<double>(), DType::float32);
    for (const DType precision : {DType::float32, DType::bfloat16}) {
      const std::string type = name(precision);
      CAPTURE(type);
      const Generated plain = run(plain_backend<float>(), precision), found = run(device_backend(), precision),
                      again = run(device_backend(), precision);
      int64_t plain_steps = 0, steps = 0;
      const double allowed = worst_logit_error(plain, truth, plain_steps),
                   error = worst_logit_error(found, truth, steps);
      CAPTURE(allowed);
      CHECK(steps >= 20);
      CHECK(error <= 2 * allowed + (precision == DType::float32 ? 1e-5 : 0.02));
      CHECK(again.tokens == found.tokens);
      for (size_t i = 0; i < found.logits.size(); ++i) {
        for (size_t step = 0; step < found.logits[i].size(); ++step)
          CHECK(same_bits(again.logits[i][step], found.logits[i][step]));
      }
    }
  }
}

}  // namespace
}  // namespace cheems
