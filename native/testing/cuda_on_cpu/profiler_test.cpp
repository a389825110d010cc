// The ranges that the CUDA backend reports to a profiler.
#include "testing/cuda_on_cpu/profiler.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "backends/cuda/device_facts.h"
#include "testing/model_check.h"
#include "testing/operation_check.h"
#include "testing/small_model.h"

namespace cheems::cuda_on_cpu {
namespace {

using namespace testing;

// Two prompts of two samples: two micro-batches of two layers each.
OwnedSamples two_prompts() {
  OwnedSamples samples;
  for (int32_t s = 0; s < 4; ++s) samples.add({1 + s / 2, 2, 3, 4, 5 + s}, s / 2);
  return samples;
}

// The names of the ranges directly inside those with that path, in order.
std::vector<std::string> inside(const std::vector<std::string>& paths, const std::string& part) {
  std::vector<std::string> names;
  for (const std::string& path : paths) {
    if (path.starts_with(part + "/") && path.find('/', part.size() + 1) == std::string::npos)
      names.push_back(path.substr(part.size() + 1));
  }
  return names;
}

int64_t count(const std::vector<std::string>& names, const std::string& name) {
  return std::count(names.begin(), names.end(), name);
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("profiler: a training step names its phases and layers, nested and balanced") {
  const SmallModel folder;
  const ModelRun run{.backend = device_backend(), .precision = DType::bfloat16};
  const auto model = load_model(folder.folder(), run);
  training::Trainer trainer(*model, {.micro_batch_tokens = 8});
  const std::vector<Comparison> pairs{{.a = 0, .b = 1}, {.a = 2, .b = 3}};
  const RangeRecorder recorder;
  CHECK(trainer.step(two_prompts().view(), pairs, {.step = 7, .learning_rate = 1e-3}, Control()).micro_batches == 2);
  CHECK(recorder.open() == 0);
  CHECK(recorder.unmatched() == 0);
  const Names& paths = recorder.paths();
  CHECK(paths.front() == "step 7");
  const Names phases = inside(paths, "step 7");
  for (const char* phase : {"forward", "loss", "backward"}) CHECK(count(phases, phase) == 2);
  CHECK(count(phases, "plan") == 1);
  CHECK(count(phases, "pack") == 2);
  CHECK(count(phases, "download") == 3);  // of either micro-batch's rewards, and of the loss
  CHECK(phases.back() == "optimizer");
  CHECK(inside(paths, "step 7/forward") == Names{"layer 0", "layer 1", "layer 0", "layer 1"});
  CHECK(inside(paths, "step 7/backward") == Names{"layer 1", "layer 0", "layer 1", "layer 0"});
}

TEST_CASE("profiler: scoring names its calls, and an error or a cancellation leaves no range open") {
  const SmallModel folder;
  const auto model = load_model(folder.folder(), {.backend = device_backend()});
  inference::Scorer scorer(*model, {.micro_batch_tokens = 8});
  const RangeRecorder recorder;
  scorer.score(two_prompts().view(), Control());
  CHECK(recorder.paths().front() == "score");
  for (const char* phase : {"pack", "forward", "download"}) CHECK(count(inside(recorder.paths(), "score"), phase) == 2);
  Control canceled;
  canceled.cancel();
  CHECK_THROWS_AS(scorer.score(two_prompts().view(), canceled), Canceled);
  OwnedSamples wrong;
  wrong.add({1, 1000}, 0);
  CHECK_THROWS_AS(scorer.score(wrong.view(), Control()), Error);
  CHECK(recorder.open() == 0);
  CHECK(recorder.unmatched() == 0);
}

TEST_CASE("device facts: card, driver and libraries, and what the bits of results hang on") {
  const DeviceFacts facts = device_backend().facts();
  std::map<std::string, std::string> entries(facts.entries.begin(), facts.entries.end());
  for (const char* name : {"name", "compute capability", "driver", "CUDA runtime", "cuBLAS"}) {
    CAPTURE(name);
    CHECK_FALSE(entries[name].empty());
  }
  CHECK(facts.arithmetic == entries["name"] + ", cuBLAS " + entries["cuBLAS"]);
}

}  // namespace cheems::cuda_on_cpu
