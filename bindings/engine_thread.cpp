#include "engine_thread.h"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "job.h"

namespace cheems::bindings {
namespace {

// If a process ends in exit() without the event "exit" (another addon may call exit()), an atexit handler stops the
// threads listed here. Never destroyed, since other handlers may run later.
struct Registry {
  std::mutex mutex;
  std::set<EngineThread*> threads;
};

Registry& registry() {
  static Registry* const instance = [] {
    std::atexit([] {
      std::set<EngineThread*> threads;
      {
        std::lock_guard lock(registry().mutex);
        threads = registry().threads;
      }
      for (EngineThread* thread : threads) thread->stop();
    });
    return new Registry;
  }();
  return *instance;
}

}  // namespace

std::shared_ptr<EngineThread> EngineThread::create() {
  std::shared_ptr<EngineThread> thread(new EngineThread);
  std::lock_guard lock(registry().mutex);
  registry().threads.insert(thread.get());
  return thread;
}

EngineThread::~EngineThread() { stop(); }

void EngineThread::push(std::shared_ptr<Job> job) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    waiting_.push_back(std::move(job));
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  }
  changed_.notify_one();
}

void EngineThread::cancel(const std::shared_ptr<Job>& job, const std::string& reason) {
  job->cancel(reason);
  {
    std::lock_guard lock(mutex_);
    const auto position = std::find(waiting_.begin(), waiting_.end(), job);
    if (position == waiting_.end()) return;
    waiting_.erase(position);
  }
  job->withdraw();
}

void EngineThread::release_later(std::function<void()> release) {
  {
    std::lock_guard lock(mutex_);
    if (!stopping_ && thread_.joinable()) {
      waiting_.push_back(std::make_shared<ComputeJob<Nothing>>(
          "freeing memory",
          [release = std::exchange(release, nullptr)](const Control&) {
            release();
            return Nothing{};
          },
          undefined));
    }
  }
  changed_.notify_one();
  if (release) release();
}

void EngineThread::stop() {
  std::deque<std::shared_ptr<Job>> dropped;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    if (running_) running_->cancel("");
    dropped.swap(waiting_);
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
  std::lock_guard lock(registry().mutex);
  registry().threads.erase(this);
}

void EngineThread::work() {
  pthread_setname_np(pthread_self(), "cheems-engine");
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    std::shared_ptr<Job> job = running_ = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    job->run();
    lock.lock();
    running_.reset();
    // Freed outside the lock: the job may be the last to hold a model.
    lock.unlock();
    job.reset();
    lock.lock();
  }
}

}  // namespace cheems::bindings
