#include "job.h"

#include <algorithm>

#include "convert.h"
#include "core/error.h"
#include "engine_thread.h"

namespace cheems::bindings {
namespace {

constexpr auto kReportInterval = std::chrono::milliseconds(50);

Message progress_message = Message::progress;
Message done_message = Message::done;

}  // namespace

// JS thread only.
struct Delivery {
  Delivery(Napi::Env env, std::shared_ptr<Job> job) : job(std::move(job)), deferred(env) {}
  std::shared_ptr<Job> job;
  Napi::Promise::Deferred deferred;
  Napi::FunctionReference on_progress;
  std::optional<Napi::Error> thrown;  // by on_progress: the promise is rejected with it
};

void Job::run() {
  control_.on_progress = [this](int64_t done, int64_t total, int64_t tokens) { report({done, total, tokens}); };
  try {
    control_.check();
    compute(control_);
  } catch (...) {
    failure_ = std::current_exception();
  }
  finish();
}

void Job::withdraw() {
  failure_ = std::make_exception_ptr(Canceled());
  finish();
}

void Job::cancel(std::string reason) {
  if (cancel_reason_.empty()) cancel_reason_ = std::move(reason);
  control_.cancel();
}

void Job::finish() {
  if (!notifier_) return;
  if (notify(&done_message)) notifier_->Release();
  notifier_.reset();
}

// Returns false once the environment is closing: the thread-safe function must not be touched again then.
bool Job::notify(Message* message) {
  if (notifier_->NonBlockingCall(message) == napi_ok) return true;
  notifier_.reset();
  control_.cancel();
  return false;
}

void Job::report(const Progress& progress) {
  computed_tokens_ = progress.tokens;
  if (!wants_progress_ || !notifier_) return;
  const auto now = std::chrono::steady_clock::now();
  const bool last = progress.done >= progress.total;
  if (!last && now - last_report_ < kReportInterval) return;
  last_report_ = now;
  {
    std::lock_guard lock(progress_mutex_);
    progress_ = progress;
    if (progress_sent_) return;  // the message on its way will take these values along
    progress_sent_ = true;
  }
  notify(&progress_message);
}

Progress Job::latest_progress() {
  std::lock_guard lock(progress_mutex_);
  progress_sent_ = false;
  return progress_;
}

Napi::Value Job::error(Napi::Env env) const { return to_js_error(env, failure_, purpose_, cancel_reason_).Value(); }

// Called on the JS thread with each message, in order.
void deliver(Napi::Env env, Napi::Function, Delivery* delivery, Message* message) {
  if (env == nullptr) return;  // the environment is going away: nobody listens
  Napi::HandleScope scope(env);
  try {
    if (*message == Message::progress) {
      Progress progress = delivery->job->latest_progress();
      if (delivery->on_progress.IsEmpty() || delivery->thrown || delivery->job->control().canceled()) return;
      try {
        delivery->on_progress.Call({write_result(env, progress)});
      } catch (const Napi::Error& error) {
        delivery->thrown = error;
        delivery->job->cancel("The progress callback threw an exception");
      }
      return;
    }
    if (delivery->thrown) return delivery->deferred.Reject(delivery->thrown->Value());
    if (delivery->job->failed()) return delivery->deferred.Reject(delivery->job->error(env));
    Napi::Value result;
    try {
      result = delivery->job->result(env);
    } catch (const Napi::Error& error) {
      return delivery->deferred.Reject(error.Value());
    }
    delivery->deferred.Resolve(result);
  } catch (const Napi::Error&) {
    // Only when the environment may no longer run JavaScript (a worker being terminated).
  }
}

void JobList::add(const std::shared_ptr<Job>& job) {
  std::erase_if(jobs_, [](const std::weak_ptr<Job>& entry) { return entry.expired(); });
  jobs_.push_back(job);
}

void JobList::cancel_all(EngineThread& thread, const std::string& reason) {
  for (const auto& entry : std::exchange(jobs_, {})) {
    if (const auto job = entry.lock()) thread.cancel(job, reason);
  }
}

Napi::Value start(Napi::Env env, const std::shared_ptr<EngineThread>& thread, std::shared_ptr<Job> job,
                  Napi::Value on_progress) {
  if (!on_progress.IsUndefined() && !on_progress.IsFunction()) fail("onProgress must be a function.");
  auto delivery = std::make_unique<Delivery>(env, job);
  if (on_progress.IsFunction()) delivery->on_progress = Napi::Persistent(on_progress.As<Napi::Function>());
  const Napi::Promise promise = delivery->deferred.Promise();
  Delivery* context = delivery.release();
  job->attach(Notifier::New(
                  env, "cheems-native work", 0, 1, context,
                  [](Napi::Env, Delivery* finished, Delivery*) { delete finished; }, context),
              on_progress.IsFunction());
  Napi::Object work = Napi::Object::New(env);
  work.Set("promise", promise);
  work.Set("cancel", Napi::Function::New(
                         env,
                         [thread, weak = std::weak_ptr<Job>(job)](const Napi::CallbackInfo&) {
                           if (const auto running = weak.lock()) thread->cancel(running, "");
                         },
                         "cancel"));
  thread->push(std::move(job));
  return work;
}

}  // namespace cheems::bindings
