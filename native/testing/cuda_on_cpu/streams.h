// Streams and events of the emulated device. Work is done when it is asked for, unless streams are deferred (see
// emulated_device.h): then it waits in its stream until the host waits for it, the latest moment a GPU may choose.
#pragma once

#include <cuda_runtime.h>

#include <functional>

namespace cheems::cuda_on_cpu {

// Does the work after all that the stream was given before. An Error that deferred work throws is the error of the call
// that waits for it, as on a GPU.
void enqueue(cudaStream_t stream, std::function<void()> work);

bool streams_deferred();
bool stream_exists(cudaStream_t stream);
int device_of(cudaStream_t stream);  // the thread's where it is the default stream

// Does all that waits in a stream; in every stream.
cudaError_t finish_stream(cudaStream_t stream);
cudaError_t finish_all_streams();

}  // namespace cheems::cuda_on_cpu
