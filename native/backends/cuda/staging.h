// Pinned host memory through which all copies pass: the copy engine reads it while the host continues.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace cheems::cuda {

// A ring of equal pinned slots. The host waits only when it returns to a slot whose copy is still in flight.
class StagingRing {
 public:
  StagingRing(cudaStream_t stream, int slots, int64_t slot_bytes);
  ~StagingRing();
  StagingRing(const StagingRing&) = delete;
  StagingRing& operator=(const StagingRing&) = delete;

  int64_t slot_bytes() const { return slot_bytes_; }
  // Copies host memory to the device in stream order. `host` may be reused when this returns.
  void upload(void* destination, const void* host, int64_t bytes);
  // Like upload, for at most one slot; `fill` writes the numbers straight into pinned memory.
  void upload_filled(void* destination, int64_t bytes, const std::function<void(void*)>& fill);
  // Waits for everything that was queued on the stream before, and for the copy itself.
  void download(void* host, const void* source, int64_t bytes);
  // The copy is queued when this returns; its numbers are in `host` once it has arrived or after finish(). Returns its
  // number.
  int64_t download_later(void* host, const void* source, int64_t bytes);
  // Whether the numbers of that download are in `host`, without waiting; and waiting for them, but for nothing that was
  // queued later.
  bool arrived(int64_t download);
  void wait_for(int64_t download);
  // Waits for the stream and delivers what download_later requested.
  void finish();
  // How often the host had to wait for a slot.
  int64_t waits() const { return waits_; }

 private:
  struct Slot {
    void* memory = nullptr;
    cudaEvent_t copied = nullptr;
    bool in_flight = false;
    int64_t number = 0;           // of the copy: copies pass through the stream in this order
    void* download_to = nullptr;  // host memory that gets the slot's first `download_bytes` when the copy has arrived
    int64_t download_bytes = 0;
  };
  Slot& next_slot();
  void record(Slot& slot);
  void wait(Slot& slot);
  void release();

  cudaStream_t stream_;
  int64_t slot_bytes_;
  std::vector<Slot> slots_;
  size_t next_ = 0;
  int64_t copies_ = 0;  // so far
  int64_t waits_ = 0;
};

}  // namespace cheems::cuda
