// The scorer on a device: it keeps one micro-batch ahead, so that the device is left without work at the end of a call
// alone.
#include "inference/scorer.h"
#include "model/heads/head_check.h"
#include "testing/encoder_check.h"
#include "testing/operation_check.h"
#ifdef CHEEMS_CUDA_ON_CPU
#include "testing/cuda_on_cpu/emulated_device.h"
#endif

namespace cheems::inference {
namespace {

using namespace testing;

// Six samples, each a micro-batch of its own at 8 tokens.
OwnedSamples six_samples() {
  OwnedSamples samples;
  for (int32_t s = 0; s < 6; ++s) samples.add({1 + s, 2, 3, 4, 5, 6}, s);
  return samples;
}
constexpr int64_t kOneSample = 8;

TEST_CASE("cuda scorer: canceled in the middle, it leaves no download behind") {
  const SmallModel folder;
  const auto model = load_model(folder.folder(), {.backend = device_backend()});
  Scorer scorer(*model, {.micro_batch_tokens = kOneSample});
  const OwnedSamples samples = six_samples();
  const auto expected = scorer.score(samples.view(), Control()).rewards;
  Control control;
  control.on_progress = [&](int64_t done, int64_t, int64_t) {
    if (done == 3) control.cancel();
  };
  CHECK_THROWS_AS(scorer.score(samples.view(), control), Canceled);
  device_backend().finish();
  CHECK(scorer.score(samples.view(), Control()).rewards == expected);
}

TEST_CASE(
    "cuda scorer: progress comes in order and ends with all samples; a reward that is not finite names its sample") {
  const SmallModel folder;
  const auto model = load_model(folder.folder(), {.backend = device_backend()});
  const Tensor embedding = model->parameters().tensors().embedding;
  const float infinite = INFINITY;
  device_backend().upload(static_cast<float*>(embedding.data) + 39 * embedding.stride, &infinite, sizeof infinite);
  Scorer scorer(*model, {.micro_batch_tokens = kOneSample});
  std::vector<int64_t> seen;
  Control control;
  control.on_progress = [&](int64_t done, int64_t total, int64_t tokens) {
    CHECK(total == 6);
    CHECK(tokens == 6 * done);
    seen.push_back(done);
  };
  const OwnedSamples samples = six_samples();
  const auto expected = scorer.score(samples.view(), control).rewards;
  CHECK(seen == std::vector<int64_t>{1, 2, 3, 4, 5, 6});
  OwnedSamples spoilt = samples;
  spoilt.tokens[3 * 6] = 39;
  check_refused(refusal([&] { scorer.score(spoilt.view(), Control()); }),
                {"The reward of sample 3 of the batch is not finite"});
  CHECK(scorer.score(samples.view(), Control()).rewards == expected);
}

#ifdef CHEEMS_CUDA_ON_CPU

// Streams whose work waits for the host, and what the host waited for.
class Deferred {
 public:
  Deferred() { cuda_on_cpu::set_streams_deferred(true); }
  ~Deferred() { cuda_on_cpu::set_streams_deferred(false); }
  Deferred(const Deferred&) = delete;
  cuda_on_cpu::HostWaits since() const {
    const auto now = cuda_on_cpu::host_waits();
    return {now.waits - begin_.waits, now.drains - begin_.drains};
  }

 private:
  const cuda_on_cpu::HostWaits begin_ = cuda_on_cpu::host_waits();
};

// The rewards of a second call, whose memory is there, and how often that left the device without work.
std::vector<float> without_idling(Scorer& scorer, const Samples& samples) {
  scorer.score(samples, Control());
  const Deferred deferred;
  const auto rewards = scorer.score(samples, Control()).rewards;
  CHECK(deferred.since().drains == 1);
  return rewards;
}

TEST_CASE(
    "cuda scorer: of six micro-batches the device idles after the last alone, whatever the head, and rewards keep "
    "their bits") {
  const SmallModel folder;
  const auto model = load_model(folder.folder(), {.backend = device_backend()});
  Scorer scorer(*model, {.micro_batch_tokens = kOneSample});
  const OwnedSamples samples = six_samples();
  const auto expected = scorer.score(samples.view(), Control()).rewards;
  CHECK(without_idling(scorer, samples.view()) == expected);
}

TEST_CASE("cuda scorer: heads of layers, their readouts and encoders keep a micro-batch ahead, too") {
  for (const KnownHead& known : kKnownHeads) {
    if (std::string(known.kind) == "linear") continue;
    CAPTURE(std::string(known.name));
    const HeadReference reference(known.name);
    const auto model =
        model::RewardModel::load({.folder = reference.folder(), .reward_head = known.choice}, device_backend());
    const auto batch = reference.batch(false, 0, 4);
    Scorer scorer(*model, {.micro_batch_tokens = 1});
    const auto expected = scorer.score(batch.view(), Control()).rewards;
    CHECK(without_idling(scorer, batch.view()) == expected);
  }
  const ReferenceModel encoder(encoder_folder(), false);
  const OwnedSamples samples = encoder_cases(encoder).samples;
  const auto model = model::RewardModel::load({.folder = encoder.folder()}, device_backend());
  Scorer scorer(*model, {.micro_batch_tokens = 1});
  const auto expected = scorer.score(samples.view(), Control()).rewards;
  CHECK(without_idling(scorer, samples.view()) == expected);
}

#endif

}  // namespace
}  // namespace cheems::inference
