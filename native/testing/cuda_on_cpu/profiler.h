// A profiler that stands in for NVIDIA's: it writes down the ranges that the backend names.
#pragma once

#include <string>
#include <vector>

namespace cheems::cuda_on_cpu {

// The ranges that begin while this lives, as paths of names in the order of their beginnings: "step 1", "step
// 1/forward", "step 1/forward/layer 0", … One at a time.
class RangeRecorder {
 public:
  RangeRecorder();
  ~RangeRecorder();
  RangeRecorder(const RangeRecorder&) = delete;

  const std::vector<std::string>& paths() const;
  // Ranges that began and have not ended, and ends without a beginning.
  int open() const;
  int unmatched() const;
};

}  // namespace cheems::cuda_on_cpu
