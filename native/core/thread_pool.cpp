#include "core/thread_pool.h"

#include <sched.h>

#include <algorithm>

namespace cheems {
namespace {

// A loop of the step follows the last one within microseconds: polling for about that long is cheaper than sleeping and
// waking up (about 5 and 50 microseconds).
constexpr int kSpins = 4000;

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");  // takes about as long as x86's pause; yield is no instruction on most cores
#endif
}

template <class T>
void wait_while_equal(const std::atomic<T>& value, T old) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (value.load(std::memory_order_acquire) != old) return;
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  if (threads <= 0) threads = usable_cores();
  for (int thread = 1; thread < threads; ++thread) workers_.emplace_back([this, thread] { work(thread); });
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_relaxed);
  loop_number_.fetch_add(1, std::memory_order_release);
  loop_number_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run(int64_t tasks, Call call, void* context) {
  call_ = call;
  context_ = context;
  tasks_ = tasks;
  next_task_.store(0, std::memory_order_relaxed);
  working_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  loop_number_.fetch_add(1, std::memory_order_release);
  loop_number_.notify_all();
  claim_tasks(0);
  for (int left = working_.load(std::memory_order_acquire); left != 0;
       left = working_.load(std::memory_order_acquire)) {
    wait_while_equal(working_, left);
  }
}

void ThreadPool::claim_tasks(int thread) {
  for (int64_t task = next_task_.fetch_add(1, std::memory_order_relaxed); task < tasks_;
       task = next_task_.fetch_add(1, std::memory_order_relaxed)) {
    call_(context_, task, thread);
  }
}

void ThreadPool::work(int thread) {
  // Loops are counted from zero, not from the value read here, so that a loop that started before this thread ran is
  // not missed.
  for (uint32_t seen = 0;;) {
    wait_while_equal(loop_number_, seen);
    seen = loop_number_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    claim_tasks(thread);
    if (working_.fetch_sub(1, std::memory_order_acq_rel) == 1) working_.notify_one();
  }
}

}  // namespace cheems
