// DeBERTa v3 on the device: transformers' rewards in float32 within the CPU's tolerance; in bfloat16 an error of at
// most twice that of the same mathematics in plain loops.
#include "testing/encoder_check.h"
#include "testing/operation_check.h"

namespace cheems {
namespace {

using namespace testing;

TEST_CASE("device: DeBERTa's rewards equal transformers' in float32, longer texts' too") {
  check_encoder_rewards({device_backend()}, false, 3e-5);
  check_encoder_rewards({device_backend(), DType::float32, 100}, true, 3e-5);
  check_long_texts({device_backend()}, 3e-5, 160);
}

TEST_CASE("device: DeBERTa's rewards in bfloat16, and the same bits again") {
  const ReferenceModel reference(encoder_folder(), false);
  const EncoderCases cases = encoder_cases(reference);
  const auto run = [&](Backend& backend, DType precision, bool round_matrices = false) {
    const auto loaded =
        load_model(reference.folder(), {.backend = backend, .precision = precision, .round_matrices = round_matrices});
    inference::Scorer scorer(*loaded, {});
    return scorer.score(cases.samples.view(), Control()).rewards;
  };
  const auto found = run(device_backend(), DType::bfloat16), again = run(device_backend(), DType::bfloat16);
  CHECK(same_bits(found, again));
  const auto truth = as<double>(run(plain_backend<double>(), DType::float32, true));
  const double plain_error = worst_error(run(plain_backend<float>(), DType::bfloat16), truth);
  CAPTURE(plain_error);
  CHECK(worst_error(found, truth) <= 2 * plain_error + 0x1p-8 * largest(truth));
}

}  // namespace
}  // namespace cheems
