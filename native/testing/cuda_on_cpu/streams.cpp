#include "testing/cuda_on_cpu/streams.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "testing/cuda_on_cpu/device_table.h"
#include "testing/cuda_on_cpu/emulated_device.h"
#include "testing/cuda_on_cpu/runtime_state.h"

struct CUstream_st {
  int device;
  bool waits_for_default;  // and the default stream for it: not so where it was made with cudaStreamNonBlocking
  std::deque<std::function<void()>> work;
};

// Outlives its handle if work still refers to it.
struct EventState {
  std::int64_t asked = 0, done = 0;  // how often it was recorded, and how many of those the streams have come to
  std::int64_t nanoseconds = 0;      // of the last
  cudaStream_t stream = nullptr;     // in which the last stands
};
struct CUevent_st {
  int device;
  std::shared_ptr<EventState> state = std::make_shared<EventState>();
};

namespace cheems::cuda_on_cpu {

namespace {

std::recursive_mutex streams_guard;  // work may run while it is locked: the devices work one after another
std::set<cudaStream_t> streams;
std::set<cudaEvent_t> events;

bool deferred_from_environment() {
  const char* const text = std::getenv("CHEEMS_EMULATED_STREAMS");
  if (text == nullptr || *text == 0 || std::strcmp(text, "eager") == 0) return false;
  if (std::strcmp(text, "deferred") == 0) return true;
  fail("CHEEMS_EMULATED_STREAMS is ", in_quotes(text), ": write eager or deferred.");
}
bool& deferred() {
  static bool value = deferred_from_environment();
  return value;
}

HostWaits counted_waits;

// Counts a wait of the host for a stream when the wait ends.
class CountedWait {
 public:
  explicit CountedWait(cudaStream_t stream) : stream_(stream), had_work_(has_work()) {}
  CountedWait(const CountedWait&) = delete;
  ~CountedWait() {
    if (!had_work_) return;
    ++counted_waits.waits;
    if (!has_work()) ++counted_waits.drains;
  }

 private:
  bool has_work() const { return stream_ != nullptr && streams.contains(stream_) && !stream_->work.empty(); }
  const cudaStream_t stream_;
  const bool had_work_;
};

std::int64_t nanoseconds_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Does the stream's next piece of work. If it fails, all other work is dropped, as after an error on a GPU.
cudaError_t do_one(cudaStream_t stream) {
  const std::function<void()> work = std::move(stream->work.front());
  stream->work.pop_front();
  try {
    work();
  } catch (const Error& thrown) {
    for (const cudaStream_t other : streams) {
      if (other->device == stream->device) other->work.clear();
    }
    if (dies_of_fault(stream->device, thrown.what())) return dead_device(stream->device, "");
    return error(cudaErrorLaunchFailure, thrown.what());
  }
  return cudaSuccess;
}

// Does a stream's work until the event's record number `ticket` is passed.
cudaError_t finish_event(const EventState& event, cudaStream_t stream, std::int64_t ticket) {
  while (event.done < ticket && streams.contains(stream) && !stream->work.empty()) {
    if (const cudaError_t bad = do_one(stream)) return bad;
  }
  return cudaSuccess;
}

cudaError_t check_event(const char* call, cudaEvent_t event) {
  const std::lock_guard<std::recursive_mutex> lock(streams_guard);
  if (events.contains(event)) return cudaSuccess;
  return error(cudaErrorInvalidResourceHandle, call, ": the event was never created or is destroyed");
}

}  // namespace

void set_streams_deferred(bool wanted) {
  const std::lock_guard<std::recursive_mutex> lock(streams_guard);
  if (finish_all_streams() != cudaSuccess) fail("The emulated device: ", cudaGetErrorString(cudaGetLastError()), ".");
  deferred() = wanted;
}

bool streams_deferred() {
  const std::lock_guard<std::recursive_mutex> lock(streams_guard);
  return deferred();
}

HostWaits host_waits() {
  const std::lock_guard<std::recursive_mutex> lock(streams_guard);
  return counted_waits;
}

bool stream_exists(cudaStream_t stream) {
  const std::lock_guard<std::recursive_mutex> lock(streams_guard);
  return stream == nullptr || streams.contains(stream);
}

int device_of(cudaStream_t stream) {
  const std::lock_guard<std::recursive_mutex> lock(streams_guard);
  return stream == nullptr ? current_device() : stream->device;
}

cudaError_t check_stream(const char* call, cudaStream_t stream) {
  if (stream_exists(stream)) return stream == nullptr ? use_current_device(call) : dead_device(device_of(stream), call);
  return error(cudaErrorInvalidResourceHandle, call, ": the stream was never created or is destroyed");
}

void enqueue(cudaStream_t stream, std::function<void()> work) {
  const std::lock_guard<std::recursive_mutex> lock(streams_guard);
  if (!deferred()) return work();
  if (stream != nullptr) return stream->work.push_back(std::move(work));
  for (const cudaStream_t other : streams) {
    if (other->device == current_device() && other->waits_for_default && finish_stream(other) != cudaSuccess)
      fail(cudaGetErrorString(cudaGetLastError()), ".");
  }
  work();
}

cudaError_t finish_stream(cudaStream_t stream) {
  const std::lock_guard<std::recursive_mutex> lock(streams_guard);
  while (stream != nullptr && !stream->work.empty()) {
    if (const cudaError_t bad = do_one(stream)) return bad;
  }
  return cudaSuccess;
}

cudaError_t finish_all_streams() {
  const std::lock_guard<std::recursive_mutex> lock(streams_guard);
  for (const cudaStream_t stream : streams) {
    if (const cudaError_t bad = finish_stream(stream)) return bad;
  }
  return cudaSuccess;
}

}  // namespace cheems::cuda_on_cpu

namespace emulation = cheems::cuda_on_cpu;
using Lock = std::lock_guard<std::recursive_mutex>;

cudaError_t cudaDeviceSynchronize() {
  if (const cudaError_t bad = emulation::use_current_device("cudaDeviceSynchronize")) return bad;
  return emulation::finish_all_streams();
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Lock lock(emulation::streams_guard);
  if (const cudaError_t bad = emulation::use_current_device("cudaStreamCreate")) return bad;
  *stream = new CUstream_st{emulation::current_device(), flags != cudaStreamNonBlocking, {}};
  emulation::streams.insert(*stream);
  return cudaSuccess;
}
// Finishes the stream's work first, like NVIDIA's.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(emulation::streams_guard);
  if (!emulation::streams.contains(stream)) {
    return emulation::error(cudaErrorInvalidResourceHandle, "cudaStreamDestroy: there is no such stream");
  }
  cudaError_t status = emulation::dead_device(stream->device, "cudaStreamDestroy");
  if (status == cudaSuccess) status = emulation::finish_stream(stream);
  emulation::streams.erase(stream);
  delete stream;
  return status;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(emulation::streams_guard);
  if (const cudaError_t bad = emulation::check_stream("cudaStreamSynchronize", stream)) return bad;
  const emulation::CountedWait counted(stream);
  return stream == nullptr ? emulation::finish_all_streams() : emulation::finish_stream(stream);
}
// Each query does one piece of the stream's work, so that a host that polls makes progress.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const Lock lock(emulation::streams_guard);
  if (const cudaError_t bad = emulation::check_stream("cudaStreamQuery", stream)) return bad;
  if (stream == nullptr || stream->work.empty()) return cudaSuccess;
  if (const cudaError_t bad = emulation::do_one(stream)) return bad;
  return emulation::set_last_error(cudaErrorNotReady, "");
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Lock lock(emulation::streams_guard);
  if (const cudaError_t bad = emulation::check_stream("cudaStreamWaitEvent", stream)) return bad;
  if (const cudaError_t bad = emulation::check_event("cudaStreamWaitEvent", event)) return bad;
  emulation::enqueue(stream, [state = event->state, recorded_in = event->state->stream, ticket = event->state->asked] {
    if (emulation::finish_event(*state, recorded_in, ticket) != cudaSuccess)
      cheems::fail(cudaGetErrorString(cudaGetLastError()));
  });
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const Lock lock(emulation::streams_guard);
  if (const cudaError_t bad = emulation::use_current_device("cudaEventCreate")) return bad;
  *event = new CUevent_st{emulation::current_device()};
  emulation::events.insert(*event);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Lock lock(emulation::streams_guard);
  if (emulation::events.erase(event) == 0) {
    return emulation::error(cudaErrorInvalidResourceHandle, "cudaEventDestroy: there is no such event");
  }
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock(emulation::streams_guard);
  if (const cudaError_t bad = emulation::check_stream("cudaEventRecord", stream)) return bad;
  if (const cudaError_t bad = emulation::check_event("cudaEventRecord", event)) return bad;
  if (event->device != emulation::device_of(stream)) {
    return emulation::error(cudaErrorInvalidResourceHandle, "cudaEventRecord: the event is of device ", event->device,
                            ", the stream of device ", emulation::device_of(stream));
  }
  event->state->stream = stream;
  emulation::enqueue(stream, [state = event->state, ticket = ++event->state->asked] {
    state->done = std::max(state->done, ticket);
    state->nanoseconds = emulation::nanoseconds_now();
  });
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(emulation::streams_guard);
  if (const cudaError_t bad = emulation::check_event("cudaEventSynchronize", event)) return bad;
  if (const cudaError_t bad = emulation::dead_device(event->device, "cudaEventSynchronize")) return bad;
  if (event->state->done >= event->state->asked) return cudaSuccess;
  const emulation::CountedWait counted(event->state->stream);
  return emulation::finish_event(*event->state, event->state->stream, event->state->asked);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Lock lock(emulation::streams_guard);
  if (const cudaError_t bad = emulation::check_event("cudaEventQuery", event)) return bad;
  if (const cudaError_t bad = emulation::dead_device(event->device, "cudaEventQuery")) return bad;
  const EventState& state = *event->state;
  if (state.done >= state.asked) return cudaSuccess;
  if (emulation::stream_exists(state.stream) && state.stream != nullptr && !state.stream->work.empty()) {
    if (const cudaError_t bad = emulation::do_one(state.stream)) return bad;
  }
  return emulation::set_last_error(cudaErrorNotReady, "");
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const Lock lock(emulation::streams_guard);
  if (const cudaError_t bad = emulation::check_event("cudaEventElapsedTime", start)) return bad;
  if (const cudaError_t bad = emulation::check_event("cudaEventElapsedTime", end)) return bad;
  for (const cudaEvent_t event : {start, end}) {
    if (event->state->asked == 0) {
      return emulation::error(cudaErrorInvalidResourceHandle, "cudaEventElapsedTime: an event was never recorded");
    }
    if (event->state->done < event->state->asked) return emulation::set_last_error(cudaErrorNotReady, "");
  }
  *milliseconds = static_cast<float>(static_cast<double>(end->state->nanoseconds - start->state->nanoseconds) * 1e-6);
  return cudaSuccess;
}
