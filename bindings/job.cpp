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

namespace {

// A promise that is settled once, and the signal that may reject it. Only on the JS thread.
class Settlement {
 public:
  explicit Settlement(Napi::Env env) : deferred_(env) {}
  Napi::Promise promise() const { return deferred_.Promise(); }
  bool is_settled() const { return settled_; }
  bool is_aborted() const { return !signal_.IsEmpty() && signal_.Get("aborted").ToBoolean(); }
  Napi::Value reason() const { return signal_.Get("reason"); }

  void listen(Napi::Object signal, Napi::Function on_abort) {
    signal_ = Napi::Persistent(signal);
    on_abort_ = Napi::Persistent(on_abort);
    Napi::Object once = Napi::Object::New(signal.Env());
    once.Set("once", true);
    signal.Get("addEventListener").As<Napi::Function>().Call(signal, {text(signal.Env()), on_abort, once});
  }
  void resolve(Napi::Value value) {
    settled_ = true;
    deferred_.Resolve(value);
    stop_listening();
  }
  void reject(Napi::Value reason) {
    settled_ = true;
    deferred_.Reject(reason);
    stop_listening();
  }

 private:
  static Napi::String text(Napi::Env env) { return Napi::String::New(env, "abort"); }
  // Removes the listener from the signal, which may live as long as the process. The promise is settled already: what
  // an object throws that only looks like a signal changes nothing.
  void stop_listening() {
    if (on_abort_.IsEmpty()) return;
    const Napi::Object signal = signal_.Value();
    signal.Get("removeEventListener").As<Napi::Function>().Call(signal, {text(signal.Env()), on_abort_.Value()});
  }

  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference signal_;
  Napi::FunctionReference on_abort_;
  bool settled_ = false;
};

}  // namespace

// JS thread only.
struct Delivery {
  Delivery(Napi::Env env, std::shared_ptr<Job> job)
      : job(std::move(job)), settlement(std::make_shared<Settlement>(env)) {}
  std::shared_ptr<Job> job;
  std::shared_ptr<Settlement> settlement;
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
    if (progress_sent_) return;  // the pending message will deliver these values
    progress_sent_ = true;
  }
  notify(&progress_message);
}

Progress Job::latest_progress() {
  std::lock_guard lock(progress_mutex_);
  progress_sent_ = false;
  return progress_;
}

bool Job::aborted() const {
  if (!failure_ || !cancel_reason_.empty()) return false;
  try {
    std::rethrow_exception(failure_);
  } catch (const Canceled&) {
    return true;
  } catch (...) {
    return false;
  }
}

Napi::Value Job::error(Napi::Env env) const { return to_js_error(env, failure_, purpose_, cancel_reason_).Value(); }

namespace {

void deliver_progress(Napi::Env env, Delivery& delivery) {
  Progress progress = delivery.job->latest_progress();
  if (delivery.on_progress.IsEmpty() || delivery.thrown || delivery.job->control().canceled()) return;
  try {
    delivery.on_progress.Call({write_result(env, progress)});
  } catch (const Napi::Error& error) {
    delivery.thrown = error;
    delivery.job->cancel("The progress callback threw an exception");
  }
}

void deliver_end(Napi::Env env, Delivery& delivery) {
  Settlement& settlement = *delivery.settlement;
  if (settlement.is_settled()) {
    // The result is an object that nobody waits for any more: the garbage collector frees it on the engine thread.
    if (!delivery.job->failed()) delivery.job->result(env);
    return;
  }
  if (delivery.thrown) return settlement.reject(delivery.thrown->Value());
  if (delivery.job->failed()) {
    const bool by_signal = delivery.job->aborted() && settlement.is_aborted();
    return settlement.reject(by_signal ? settlement.reason() : delivery.job->error(env));
  }
  Napi::Value result;
  try {
    result = delivery.job->result(env);
  } catch (const Napi::Error& error) {
    return settlement.reject(error.Value());
  }
  settlement.resolve(result);
}

}  // namespace

// Called on the JS thread for each message, in order.
void deliver(Napi::Env env, Napi::Function, Delivery* delivery, Message* message) {
  if (env == nullptr) return;  // the environment is closing: nobody listens
  Napi::HandleScope scope(env);
  try {
    if (*message == Message::progress) deliver_progress(env, *delivery);
    else deliver_end(env, *delivery);
  } catch (const Napi::Error&) {
    // Only if the environment can no longer run JavaScript (a worker that is being terminated).
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

Work work_from(Napi::Value options) {
  if (options.IsUndefined()) return {};
  if (!options.IsObject()) fail("The options must be an object.");
  const auto object = options.As<Napi::Object>();
  const Work work{object.Get("signal"), object.Get("onProgress")};
  if (!work.on_progress.IsUndefined() && !work.on_progress.IsFunction()) fail("onProgress must be a function.");
  const auto has = [&](const char* method) { return work.signal.As<Napi::Object>().Get(method).IsFunction(); };
  if (!work.signal.IsUndefined() &&
      !(work.signal.IsObject() && has("addEventListener") && has("removeEventListener"))) {
    fail("signal must be an AbortSignal.");
  }
  return work;
}

Napi::Promise start(Napi::Env env, const std::shared_ptr<EngineThread>& thread, std::shared_ptr<Job> job,
                    const Work& work, OnAbort on_abort) {
  auto delivery = std::make_unique<Delivery>(env, job);
  const std::shared_ptr<Settlement> settlement = delivery->settlement;
  const Napi::Promise promise = settlement->promise();
  if (!work.signal.IsEmpty() && !work.signal.IsUndefined()) {
    const auto signal = work.signal.As<Napi::Object>();
    if (signal.Get("aborted").ToBoolean()) {
      settlement->reject(signal.Get("reason"));
      return promise;
    }
    const auto abort = [thread, on_abort, weak_job = std::weak_ptr<Job>(job),
                        weak = std::weak_ptr<Settlement>(settlement)](const Napi::CallbackInfo&) {
      if (const auto running = weak_job.lock()) thread->cancel(running, "");
      const auto waiting = weak.lock();
      if (on_abort == OnAbort::abandon && waiting && !waiting->is_settled()) waiting->reject(waiting->reason());
    };
    settlement->listen(signal, Napi::Function::New(env, abort, "abort"));
  }
  const bool wants_progress = !work.on_progress.IsEmpty() && work.on_progress.IsFunction();
  if (wants_progress) delivery->on_progress = Napi::Persistent(work.on_progress.As<Napi::Function>());
  Delivery* context = delivery.release();
  job->attach(Notifier::New(
                  env, "cheems-native work", 0, 1, context,
                  [](Napi::Env, Delivery* finished, Delivery*) { delete finished; }, context),
              wants_progress);
  thread->push(std::move(job));
  return promise;
}

}  // namespace cheems::bindings
