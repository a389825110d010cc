// The execution model's device: it runs one block at a time, each of its threads on a fiber, all on the OS thread that
// launches the kernel. Only the model's own files include this.
//
// A thread runs until it waits (at a barrier or a warp collective) or ends; then it switches directly to the next ready
// thread. A launch allocates nothing once the stacks exist.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "core/error.h"
#include "testing/cuda_on_cpu/fiber.h"
#include "testing/cuda_on_cpu/kernel_calls.h"
#include "testing/cuda_on_cpu/schedule.h"

namespace cheems::cuda_on_cpu {

constexpr int kWarpLanes = 32;
constexpr int kMaxThreads = 1024;
constexpr int kMaxWarps = kMaxThreads / kWarpLanes;
constexpr std::int64_t kMaxSharedBytes = 227 * 1024;     // with the attribute, sm_90's
constexpr std::int64_t kSharedBytesUnasked = 48 * 1024;  // without

// A pending cp.async.
struct AsyncCopy {
  unsigned char* shared;
  const unsigned char* global;
  std::uint32_t group;
  bool valid;
  const void* site;
};

struct Thread {
  Fiber fiber;
  std::uintptr_t stack_low = 0;
  std::uint16_t number = 0, warp = 0, lane = 0;  // `number` is the index in the block, x fastest
  uint3 index{};

  enum class State : std::uint8_t { ready, at_barrier, at_collective, ended } state = State::ended;
  Place place{};               // where it waits
  const void* site = nullptr;  // the return address of the call in which it waits
  Collective collective{};
  std::uint32_t mask = 0;
  const void* in = nullptr;
  void* out = nullptr;
  int argument = 0;

  std::vector<AsyncCopy> copies;  // keeps its capacity from launch to launch
  std::uint32_t async_group = 0;  // the group that the next copy joins
};

struct Warp {
  std::uint32_t live = 0;     // lanes that have not ended
  std::uint32_t ready = 0;    // lanes that can run
  std::uint32_t waiting = 0;  // lanes at a collective
  std::uint32_t rank = 0;     // for Order::warp_sprint
};

// "block (3, 0, 0)", "thread 37", "ops/rmsnorm/cuda.cu:57".
std::string block_name(uint3 position);
std::string thread_name(const Thread& thread);
std::string place_name(Place place);

class Machine {
 public:
  void run(const Launch& launch);

  // The block that runs at position `rank` of the launch.
  uint3 block_at(std::int64_t rank) const;

  // Called by the running thread.
  void wait_at_barrier(Place place);
  void wait_at_collective();  // the thread's request is filled in
  // Ends the launch with an Error. Objects on the thread's stack are not destroyed, so a separate call makes the
  // message.
  template <class Describe>
  [[noreturn]] void stop(const Describe& describe) {
    set_error(describe);
    leave_kernel();
  }

  Thread threads[kMaxThreads];
  Warp warps[kMaxWarps];
  int thread_count = 0, warp_count = 0, live = 0, at_barrier = 0;
  const Launch* launch = nullptr;
  dim3 grid, block;
  uint3 block_position{};

 private:
  static void thread_entry();
  void order_blocks();
  void begin_block();
  void suspend(Thread& self);
  Thread* next_ready();
  void make_ready(Thread& thread);
  void release_barrier();
  void check_barrier();
  bool complete(Thread& self);
  [[noreturn]] void give_up(Thread& self);
  [[noreturn]] void leave_kernel();
  template <class Describe>
  [[gnu::noinline]] void set_error(const Describe& describe) {
    error_ = sentence("CUDA kernel ", launch->name, ", ", block_name(block_position), ": ", describe());
  }
  std::uint64_t draw();

  Fiber host_;
  std::int64_t block_count_ = 1, block_step_ = 1, block_offset_ = 0;
  Schedule schedule_;
  std::uint64_t random_ = 0;
  std::uint32_t ready_warps_ = 0;
  int last_run_ = 0;
  std::string error_;
  std::mutex one_launch_;
};

extern Machine* const the_machine;
inline Machine& machine() { return *the_machine; }

// The CUDA thread that runs on this OS thread; null outside of kernels.
extern thread_local Thread* current __attribute__((tls_model("initial-exec")));

// Runs a collective whose lanes have all arrived.
void perform(Machine& machine, Warp& warp, int warp_number, std::uint32_t lanes);
void multiply_accumulate(Thread* lanes);  // of a whole warp: see tensor_core.cpp
void load_matrices(Thread* lanes);

}  // namespace cheems::cuda_on_cpu
