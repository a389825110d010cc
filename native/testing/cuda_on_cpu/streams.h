// Streams and events of the emulated device. Work is done immediately, unless streams are deferred (see
// emulated_device.h): then it waits in its stream until the host waits for it, the latest moment that a GPU may choose.
#pragma once

#include <cuda_runtime.h>

#include <functional>

namespace cheems::cuda_on_cpu {

// Does the work after all earlier work of the stream. If deferred work throws an Error, it becomes the error of the
// call that waits for it, as on a GPU.
void enqueue(cudaStream_t stream, std::function<void()> work);

bool streams_deferred();
bool stream_exists(cudaStream_t stream);
int device_of(cudaStream_t stream);  // the thread's device for the default stream

// Does all pending work of a stream, or of every stream.
cudaError_t finish_stream(cudaStream_t stream);
cudaError_t finish_all_streams();

}  // namespace cheems::cuda_on_cpu
