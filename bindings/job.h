// A piece of work that a JS call starts and a promise awaits.
//
// It has two halves. The Job is computed on the engine thread and has no JS values. The Delivery holds the JS values
// (promise, progress callback), exists only on the JS thread, and is owned by the thread-safe function through which
// the engine thread sends it messages.
#pragma once

#include <napi.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/control.h"
#include "core/description.h"
#include "error_codes.h"

namespace cheems::bindings {

class EngineThread;
class Job;

struct Delivery;
enum class Message { progress, done };
void deliver(Napi::Env env, Napi::Function, Delivery* delivery, Message* message);
using Notifier = Napi::TypedThreadSafeFunction<Delivery, Message, deliver>;

struct Progress {
  int64_t done = 0, total = 0, tokens = 0;  // samples, samples, computed tokens
};

template <class Visitor>
void describe(Visitor& visit, Progress& progress) {
  visit("done", progress.done, "Samples.");
  visit("total", progress.total, "Samples of the whole work.");
  visit("tokens", progress.tokens, "Tokens computed so far, each shared prompt counted once.");
}

class Job {
 public:
  explicit Job(Purpose purpose) : purpose_(std::move(purpose)) {}
  virtual ~Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // Engine thread: computes, keeps the result or the exception, and notifies the JS thread.
  void run();
  // JS thread: asks the work to stop. `reason` becomes the message of the rejection, once it has stopped.
  void cancel(std::string reason);
  // JS thread: ends a job that was taken back from the queue before it ran.
  void withdraw();

  // JS thread, once the work is over.
  virtual Napi::Value result(Napi::Env env) = 0;
  Napi::Value error(Napi::Env env) const;
  bool failed() const { return failure_ != nullptr; }
  // Whether it failed because the caller canceled it, not for a reason of ours.
  bool aborted() const;
  Progress latest_progress();

  // Called before the job is queued; otherwise nobody is notified.
  void attach(Notifier notifier, bool wants_progress) {
    notifier_ = notifier;
    wants_progress_ = wants_progress;
  }
  const Control& control() const { return control_; }

 protected:
  virtual void compute(const Control& control) = 0;
  // According to the last progress report.
  int64_t computed_tokens() const { return computed_tokens_; }

 private:
  void report(const Progress& progress);
  bool notify(Message* message);
  void finish();

  Purpose purpose_;
  Control control_;
  std::optional<Notifier> notifier_;
  std::exception_ptr failure_;
  std::string cancel_reason_;  // JS thread only
  bool wants_progress_ = false;
  int64_t computed_tokens_ = 0;

  std::mutex progress_mutex_;
  Progress progress_;
  bool progress_sent_ = false;  // a progress message is pending
  std::chrono::steady_clock::time_point last_report_{};
};

template <class Result>
class ComputeJob final : public Job {
 public:
  using Compute = std::function<Result(const Control&)>;
  using Convert = std::function<Napi::Value(Napi::Env, Result&)>;
  ComputeJob(Purpose purpose, Compute compute, Convert convert)
      : Job(std::move(purpose)), compute_(std::move(compute)), convert_(std::move(convert)) {}

  Napi::Value result(Napi::Env env) override { return convert_(env, *result_); }

 protected:
  void compute(const Control& control) override {
    // Releases what the work holds (its inputs, its model) as soon as it is done.
    const Compute work = std::exchange(compute_, nullptr);
    result_.emplace(work(control));
  }

 private:
  Compute compute_;
  Convert convert_;
  std::optional<Result> result_;
};

// The result of work that returns nothing.
struct Nothing {};
inline Napi::Value undefined(Napi::Env env, Nothing&) { return env.Undefined(); }

// The running and waiting jobs of one object, so that disposing it can stop them. JS thread only.
class JobList {
 public:
  void add(const std::shared_ptr<Job>& job);
  void cancel_all(EngineThread& thread, const std::string& reason);

 private:
  std::vector<std::weak_ptr<Job>> jobs_;
};

// A caller's control of its work, from an options object: an AbortSignal and a progress callback. Either may be absent,
// and so may the object.
struct Work {
  Napi::Value signal, on_progress;
};
Work work_from(Napi::Value options);

enum class OnAbort {
  stop,    // the promise rejects once the work has stopped, or resolves if the abort came too late
  abandon  // it rejects at once: for work that cannot stop half-way, but whose result may be discarded
};

// Queues the job. Returns its promise, which an abort of the signal rejects with the signal's reason.
Napi::Promise start(Napi::Env env, const std::shared_ptr<EngineThread>& thread, std::shared_ptr<Job> job,
                    const Work& work = {}, OnAbort on_abort = OnAbort::stop);

}  // namespace cheems::bindings
