#include "backends/cuda/staging.h"

#include <algorithm>
#include <cstring>

#include "backends/cuda/errors.h"
#include "core/error.h"

namespace cheems::cuda {

StagingRing::StagingRing(cudaStream_t stream, int slots, int64_t slot_bytes)
    : stream_(stream), slot_bytes_(slot_bytes), slots_(static_cast<size_t>(slots)) {
  try {
    for (Slot& slot : slots_) {
      check(cudaMallocHost(&slot.memory, static_cast<size_t>(slot_bytes)),
            sentence("cudaMallocHost (", slot_bytes >> 10, " KiB of pinned memory)"));
      check(cudaEventCreateWithFlags(&slot.copied, cudaEventDisableTiming), "cudaEventCreateWithFlags");
    }
  } catch (...) {
    release();
    throw;
  }
}

StagingRing::~StagingRing() {
  (void)cudaStreamSynchronize(stream_);
  release();
}

void StagingRing::release() {
  for (Slot& slot : slots_) {
    if (slot.copied) (void)cudaEventDestroy(slot.copied);
    if (slot.memory) (void)cudaFreeHost(slot.memory);
    slot = {};
  }
}

void StagingRing::wait(Slot& slot) {
  if (!slot.in_flight) return;
  const cudaError_t state = cudaEventQuery(slot.copied);
  if (state == cudaErrorNotReady) {
    ++waits_;
    (void)cudaGetLastError();
    check(cudaEventSynchronize(slot.copied), "cudaEventSynchronize (a copy in flight)");
  } else {
    check(state, "cudaEventQuery (a copy in flight)");
  }
  slot.in_flight = false;
  if (slot.download_to) std::memcpy(slot.download_to, slot.memory, static_cast<size_t>(slot.download_bytes));
  slot.download_to = nullptr;
}

StagingRing::Slot& StagingRing::next_slot() {
  Slot& slot = slots_[next_];
  next_ = (next_ + 1) % slots_.size();
  wait(slot);
  return slot;
}

void StagingRing::record(Slot& slot) {
  check(cudaEventRecord(slot.copied, stream_), "cudaEventRecord");
  slot.in_flight = true;
  slot.number = ++copies_;
}

void StagingRing::upload_filled(void* destination, int64_t bytes, const std::function<void(void*)>& fill) {
  if (bytes > slot_bytes_)
    fail("A staged copy of ", bytes, " bytes does not fit a staging buffer of ", slot_bytes_, " bytes.");
  Slot& slot = next_slot();
  fill(slot.memory);
  check(cudaMemcpyAsync(destination, slot.memory, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, stream_),
        "cudaMemcpyAsync (to the device)");
  record(slot);
}

void StagingRing::upload(void* destination, const void* host, int64_t bytes) {
  for (int64_t done = 0; done < bytes;) {
    const int64_t part = std::min(slot_bytes_, bytes - done);
    upload_filled(static_cast<char*>(destination) + done, part, [&](void* memory) {
      std::memcpy(memory, static_cast<const char*>(host) + done, static_cast<size_t>(part));
    });
    done += part;
  }
}

int64_t StagingRing::download_later(void* host, const void* source, int64_t bytes) {
  for (int64_t done = 0; done < bytes;) {
    const int64_t part = std::min(slot_bytes_, bytes - done);
    Slot& slot = next_slot();
    check(cudaMemcpyAsync(slot.memory, static_cast<const char*>(source) + done, static_cast<size_t>(part),
                          cudaMemcpyDeviceToHost, stream_),
          "cudaMemcpyAsync (to the host)");
    record(slot);
    slot.download_to = static_cast<char*>(host) + done;
    slot.download_bytes = part;
    done += part;
  }
  return copies_;
}

bool StagingRing::arrived(int64_t download) {
  for (Slot& slot : slots_) {
    if (!slot.in_flight || slot.number != download) continue;
    const cudaError_t state = cudaEventQuery(slot.copied);
    if (state == cudaErrorNotReady) {
      (void)cudaGetLastError();
      return false;
    }
    check(state, "cudaEventQuery (a copy in flight)");
    wait_for(download);
  }
  return true;
}

void StagingRing::wait_for(int64_t download) {
  // The last one first: then the others have arrived too.
  for (size_t back = 1; back <= slots_.size(); ++back) {
    Slot& slot = slots_[(next_ + slots_.size() - back) % slots_.size()];
    if (slot.number <= download) wait(slot);
  }
}

void StagingRing::finish() {
  check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
  for (Slot& slot : slots_) wait(slot);
}

void StagingRing::download(void* host, const void* source, int64_t bytes) {
  download_later(host, source, bytes);
  finish();
}

}  // namespace cheems::cuda
