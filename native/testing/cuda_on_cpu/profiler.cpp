#include "testing/cuda_on_cpu/profiler.h"

#include <nvtx3/nvToolsExt.h>

#include <mutex>

namespace cheems::cuda_on_cpu {
namespace {

struct Recording {
  std::vector<std::string> paths, open;
  int unmatched = 0;
};
std::mutex profiler_guard;
Recording* recording = nullptr;

}  // namespace

RangeRecorder::RangeRecorder() {
  const std::lock_guard<std::mutex> lock(profiler_guard);
  recording = new Recording;
}
RangeRecorder::~RangeRecorder() {
  const std::lock_guard<std::mutex> lock(profiler_guard);
  delete recording;
  recording = nullptr;
}
const std::vector<std::string>& RangeRecorder::paths() const { return recording->paths; }
int RangeRecorder::open() const { return static_cast<int>(recording->open.size()); }
int RangeRecorder::unmatched() const { return recording->unmatched; }

}  // namespace cheems::cuda_on_cpu

int nvtxRangePushA(const char* message) {
  using namespace cheems::cuda_on_cpu;
  const std::lock_guard<std::mutex> lock(profiler_guard);
  if (recording == nullptr) return -1;
  auto& open = recording->open;
  open.push_back(open.empty() ? message : open.back() + "/" + message);
  recording->paths.push_back(open.back());
  return static_cast<int>(open.size()) - 1;
}

int nvtxRangePop() {
  using namespace cheems::cuda_on_cpu;
  const std::lock_guard<std::mutex> lock(profiler_guard);
  if (recording == nullptr) return -1;
  if (recording->open.empty()) return ++recording->unmatched, -1;
  recording->open.pop_back();
  return static_cast<int>(recording->open.size());
}
