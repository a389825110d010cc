// The thread that runs all work of one Node environment (the main thread, or a worker), one job after another.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace cheems::bindings {

class Job;

// All methods are called on the environment's JS thread.
class EngineThread {
 public:
  // The environment's cleanup hook and the process's event "exit" call stop(). If neither occurred, exit() does.
  static std::shared_ptr<EngineThread> create();
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  void push(std::shared_ptr<Job> job);
  // A waiting job ends at once, the running one within a layer's time.
  void cancel(const std::shared_ptr<Job>& job, const std::string& reason);
  // Runs `release` after all jobs queued so far, or immediately if the thread has stopped.
  void release_later(std::function<void()> release);
  // Cancels the running job, drops the waiting ones and joins. Later jobs are dropped.
  void stop();

 private:
  EngineThread() = default;
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> waiting_;
  std::shared_ptr<Job> running_;
  bool stopping_ = false;
  std::thread thread_;  // started with the first job
};

}  // namespace cheems::bindings
