// How the caller of a long computation watches and stops it.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>

namespace cheems {

// Thrown by Control::check() once canceled; never an error of the computation itself.
class Canceled : public std::exception {
 public:
  const char* what() const noexcept override { return "The operation was aborted"; }
};

// Shared between the working thread and the watching one. The working thread calls check() between layers, so that it
// stops within one layer's time, and report() after each completed unit.
class Control {
 public:
  void cancel() { canceled_.store(true, std::memory_order_relaxed); }
  bool canceled() const { return canceled_.load(std::memory_order_relaxed); }
  void check() const {
    if (canceled()) throw Canceled();
  }
  // Called on the working thread; `done` and `total` count samples, `tokens` the computed tokens so far.
  std::function<void(int64_t done, int64_t total, int64_t tokens)> on_progress;
  void report(int64_t done, int64_t total, int64_t tokens) const {
    if (on_progress) on_progress(done, total, tokens);
  }

 private:
  std::atomic<bool> canceled_{false};
};

}  // namespace cheems
