// The engine's own threads. Never libuv's pool, never the event loop, never OpenMP.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace cheems {

// Runs loops over independent tasks. The calling thread works too, as thread 0; the others sleep between loops. Which
// thread takes which task varies from run to run, so a task may write only what no other task of its loop touches. Then
// results never depend on the number of threads.
class ThreadPool {
 public:
  // 0 threads: one per core that this process may use.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(task, thread) once for each task in [0, tasks); returns when all have returned. Tasks
  // are claimed in order. `body` must not throw and must not start a loop of its own.
  template <class Body>
  void parallel_for(int64_t tasks, Body&& body) {
    if (tasks <= 1 || workers_.empty()) {
      for (int64_t task = 0; task < tasks; ++task) body(task, 0);
      return;
    }
    using Plain = std::remove_reference_t<Body>;
    run(
        tasks, [](void* context, int64_t task, int thread) { (*static_cast<Plain*>(context))(task, thread); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  using Call = void (*)(void* context, int64_t task, int thread);
  void run(int64_t tasks, Call call, void* context);
  void work(int thread);
  void claim_tasks(int thread);

  std::vector<std::thread> workers_;
  Call call_ = nullptr;
  void* context_ = nullptr;
  int64_t tasks_ = 0;
  alignas(64) std::atomic<int64_t> next_task_{0};
  alignas(64) std::atomic<uint32_t> loop_number_{0};  // workers wait for it to change
  alignas(64) std::atomic<int> working_{0};           // workers that have not finished this loop
  std::atomic<bool> stop_{false};
};

}  // namespace cheems
