// Which of several GPUs is used if the user does not name one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/plugin.h"

namespace cheems {

struct CudaDevices {
  struct Device {
    std::string description;
    std::string unusable;  // why it cannot be used, as far as that is known without opening it; else empty
  };
  const PluginTable* table = nullptr;
  std::vector<Device> list;  // by number
  std::string missing;       // if there is none: the part of a sentence after "because"
};

// Throws Error if the device cannot be used.
std::unique_ptr<Backend> create_cuda(const CudaDevices& devices, int number);

// The order in which GPUs are tried: by free memory in whole GiB, the most first; of equal ones the lower number. GPUs
// whose free memory is not known come last, in the order of their numbers. `kept`, a GPU that this process used before
// (below 0: none), comes first as long as no other has more than 4 GiB more: its context, which stays, must not send
// the next model of one run to another GPU.
std::vector<int> order_of_trial(const std::vector<int>& usable, const std::vector<int64_t>& free_bytes, int kept);

struct TakenDevice {
  std::unique_ptr<Backend> backend;  // null if no GPU could be used
  std::string why;  // with a backend: "" or "; chosen from 2 GPUs …"; without: why none, as part of a sentence
};

// The GPU with the most free memory that can be used; if one fails, the next. `kept` is read and set.
TakenDevice take_cuda(const CudaDevices& devices, int& kept);

}  // namespace cheems
