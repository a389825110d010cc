// The clock of a CUDA stream for operations that are timed one by one: an event before and one after each of them.
#pragma once

#include <cuda_runtime.h>

#include <map>
#include <string>
#include <vector>

#include "backends/cuda/errors.h"
#include "timed_operations.h"

namespace cheems::bench {

// Times nothing until start(), so that steps outside of it cost no more than a virtual call per operation.
class EventClock : public OperationClock {
 public:
  explicit EventClock(cudaStream_t stream) : stream_(stream) {}
  ~EventClock() override {
    for (const Interval& interval : intervals_) release(interval);
  }
  EventClock(const EventClock&) = delete;

  bool wants_flops() const override { return false; }
  void begin() override {
    if (running_) intervals_.push_back({"", mark(), nullptr});
  }
  void end(const char* operation, double) override {
    if (!running_) return;
    intervals_.back().operation = operation;
    intervals_.back().end = mark();
  }

  void start() { running_ = true; }
  // Milliseconds of each operation since start(), all its calls together.
  std::map<std::string, double> stop() {
    running_ = false;
    std::map<std::string, double> times;
    cuda::check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
    for (const Interval& interval : intervals_) {
      float milliseconds = 0;
      cuda::check(cudaEventElapsedTime(&milliseconds, interval.begin, interval.end), "cudaEventElapsedTime");
      times[interval.operation] += static_cast<double>(milliseconds);
      release(interval);
    }
    intervals_.clear();
    return times;
  }

 private:
  struct Interval {
    const char* operation;
    cudaEvent_t begin, end;
  };
  cudaEvent_t mark() {
    cudaEvent_t event = nullptr;
    cuda::check(cudaEventCreate(&event), "cudaEventCreate");
    cuda::check(cudaEventRecord(event, stream_), "cudaEventRecord");
    return event;
  }
  static void release(const Interval& interval) {
    (void)cudaEventDestroy(interval.begin);
    if (interval.end) (void)cudaEventDestroy(interval.end);
  }

  cudaStream_t stream_;
  bool running_ = false;
  std::vector<Interval> intervals_;
};

}  // namespace cheems::bench
