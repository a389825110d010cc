#include "testing/cuda_on_cpu/kernel_calls.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "testing/cuda_on_cpu/device_table.h"
#include "testing/cuda_on_cpu/launch_bounds.h"
#include "testing/cuda_on_cpu/machine.h"
#include "testing/cuda_on_cpu/memory.h"
#include "testing/cuda_on_cpu/runtime_state.h"
#include "testing/cuda_on_cpu/streams.h"

namespace cheems::cuda_on_cpu {

uint3 thread_index() { return current->index; }
uint3 block_index() { return machine().block_position; }
dim3 block_extent() { return machine().block; }
dim3 grid_extent() { return machine().grid; }
int lane_index() { return current->lane; }
unsigned char* shared_memory_start() { return reinterpret_cast<unsigned char*>(shared_stretch.start); }

void block_barrier(Place place) { machine().wait_at_barrier(place); }

void warp_collective(Collective kind, std::uint32_t mask, const void* in, void* out, int argument, Place place) {
  Thread& self = *current;
  self.collective = kind;
  self.mask = mask;
  self.in = in;
  self.out = out;
  self.argument = argument;
  self.place = place;
  self.site = __builtin_return_address(0);
  if ((mask >> self.lane & 1) == 0) {
    machine().stop([&] {
      return sentence(thread_name(self), " calls a warp function at ", place_name(place), " with the mask 0x", std::hex,
                      mask, std::dec, ", in which its own lane ", self.lane, " is not.");
    });
  }
  machine().wait_at_collective();
}

namespace {

// Whether launches wait for their kernels: CUDA's environment variable.
bool launch_blocking() {
  const char* const text = std::getenv("CUDA_LAUNCH_BLOCKING");
  return text != nullptr && std::strcmp(text, "1") == 0;
}

// What a GPU refuses with "invalid value" or "too many resources requested", as far as it does not depend on the code
// that nvcc generates: a block with more threads than __launch_bounds__ promised, or, without that promise, so many
// that the 65,536 registers of a multiprocessor may be too few. A thread has up to 255 registers, allocated in
// multiples of eight.
template <class Refuse>
void check_launch_bounds(const Launch& launch, const Refuse& refuse) {
  if (launch.kernel == nullptr) return;  // one of the tests' own functions
  const LaunchBounds bounds = launch_bounds_of(launch.kernel);
  constexpr int kUnbounded = 65536 / 256;
  if (bounds.threads == 0) {
    if (launch.threads > kUnbounded)
      refuse("without __launch_bounds__ the compiler may give a thread 255 registers, and a block of more than ",
             kUnbounded, " threads has no room for them.");
    return;
  }
  if (launch.threads > bounds.threads)
    refuse("its __launch_bounds__ promise blocks of at most ", bounds.threads, " threads.");
  const int resident = threads_per_multiprocessor(description_of(current_device()).capability);
  if (bounds.blocks * bounds.threads > resident) {
    refuse("its __launch_bounds__ ask for ", bounds.blocks, " blocks of ", bounds.threads,
           " threads on a multiprocessor, which holds ", resident, " threads.");
  }
}

void run_now(const Launch& launch) {
  try {
    machine().run(launch);
  } catch (const Error& fault) {
    if (!dies_of_fault(launch.device, fault.what())) throw;
    if (launch_blocking()) (void)dead_device(launch.device, "a launch");
  }
}

}  // namespace

void launch(const Launch& launch) {
  const auto refuse = [&](auto... why) {
    fail("CUDA kernel ", launch.name, " cannot be launched with ", launch.grid_x, " x ", launch.grid_y, " x ",
         launch.grid_z, " blocks of ", launch.threads, " threads and ", launch.shared_bytes,
         " bytes of shared memory: ", why...);
  };
  if (current != nullptr) refuse("a kernel launches no kernel.");
  if (launch.grid_x < 1 || launch.grid_x > 0x7fffffff) refuse("x must be from 1 to 2147483647.");
  if (launch.grid_y < 1 || launch.grid_y > 65535 || launch.grid_z < 1 || launch.grid_z > 65535) {
    refuse("y and z must be from 1 to 65535.");
  }
  if (launch.threads < 1 || launch.threads > kMaxThreads) refuse("a block has 1 to ", kMaxThreads, " threads.");
  check_launch_bounds(launch, refuse);
  if (launch.shared_bytes < 0 || launch.shared_bytes > kMaxSharedBytes) {
    refuse("a block has at most ", kMaxSharedBytes, " bytes of shared memory.");
  }
  if (const std::int64_t allowed = allowed_shared_bytes(launch.kernel); launch.shared_bytes > allowed) {
    refuse("more than ", allowed, " bytes must be asked for with cudaFuncSetAttribute first.");
  }
  if (!stream_exists(launch.stream)) refuse("the stream was never created or is destroyed.");
  const int device = device_of(launch.stream);
  if (device != current_device())
    refuse("the stream belongs to device ", device, ", the thread has chosen device ", current_device(),
           " (cudaSetDevice).");
  // As on a GPU, the reason why a valid launch cannot run is the runtime's last error.
  if (use_current_device("a launch") != cudaSuccess) return;
  if (!has_image(device))
    return (void)error(cudaErrorNoKernelImageForDevice, "the kernels are compiled for ", kernel_images());
  reserve_memory();
  Launch placed = launch;
  placed.device = device;
  if (!streams_deferred() || launch_blocking()) return run_now(placed);
  struct alignas(16) Chunk {
    std::byte bytes[16];
  };
  std::vector<Chunk> arguments((launch.arguments_bytes + sizeof(Chunk) - 1) / sizeof(Chunk));
  if (launch.arguments_bytes > 0) std::memcpy(arguments.data(), launch.arguments, launch.arguments_bytes);
  enqueue(launch.stream, [asked = placed, name = std::string(launch.name), arguments = std::move(arguments)]() mutable {
    asked.name = name.c_str();
    asked.arguments = arguments.data();
    machine().run(asked);
  });
}

}  // namespace cheems::cuda_on_cpu
