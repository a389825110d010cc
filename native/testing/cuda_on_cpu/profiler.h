// A replacement for NVIDIA's profiler: it records the ranges that the backend names.
#pragma once

#include <string>
#include <vector>

namespace cheems::cuda_on_cpu {

// Records the ranges that begin while this object exists, as paths of names in the order in which they begin: "step 1",
// "step 1/forward", "step 1/forward/layer 0", … Only one recorder may exist at a time.
class RangeRecorder {
 public:
  RangeRecorder();
  ~RangeRecorder();
  RangeRecorder(const RangeRecorder&) = delete;

  const std::vector<std::string>& paths() const;
  // open(): ranges that have begun and not ended. unmatched(): ends without a beginning.
  int open() const;
  int unmatched() const;
};

}  // namespace cheems::cuda_on_cpu
