#include "testing/cuda_on_cpu/device_table.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <sstream>
#include <utility>
#include <vector>

#include "backends/cuda/images.h"
#include "core/error.h"
#include "testing/cuda_on_cpu/runtime_state.h"

namespace cheems::cuda_on_cpu {

namespace {

struct Device {
  EmulatedDevice description;
  std::size_t allocated = 0;
  bool has_context = false;
  std::string fault;  // the fault that stopped the device

  std::size_t free() const {
    const std::size_t taken = description.used_bytes + (has_context ? description.context_bytes : 0) + allocated;
    return description.memory_bytes > taken ? description.memory_bytes - taken : 0;
  }
};

std::string environment(const char* name, const char* otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr || *text == 0 ? otherwise : text;
}

bool sticky_from_environment() {
  const std::string text = environment("CHEEMS_EMULATED_ERRORS", "thrown");
  if (text != "thrown" && text != "sticky")
    fail("CHEEMS_EMULATED_ERRORS is ", in_quotes(text), ": write thrown or sticky.");
  return text == "sticky";
}

std::vector<Device> made(std::vector<EmulatedDevice> descriptions) {
  std::vector<Device> devices;
  for (EmulatedDevice& description : descriptions) devices.push_back({std::move(description), 0, false, ""});
  return devices;
}

struct Table {
  std::mutex guard;
  std::vector<Device> devices = made(devices_from(environment("CHEEMS_EMULATED_DEVICES", "capability=9.0")));
  std::string images = environment("CHEEMS_EMULATED_IMAGES", "PTX 8.0");
  bool sticky = sticky_from_environment();
};

Table& table() {
  static Table& only = *new Table;  // never destroyed: plug-ins may be called at exit
  return only;
}

thread_local int chosen = 0;

int number_from(const std::string& text, const std::string& field) {
  int number = 0;
  const auto [stop, bad] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (bad != std::errc() || stop != text.data() + text.size() || number < 0)
    fail("CHEEMS_EMULATED_DEVICES: ", field, " is ", in_quotes(text), ", no number.");
  return number;
}

std::size_t mebibytes(const std::string& text, const std::string& field) {
  return static_cast<std::size_t>(number_from(text, field)) << 20;
}

void set_field(EmulatedDevice& device, const std::string& field, const std::string& value) {
  if (field == "name") device.name = value;
  else if (field == "memory") device.memory_bytes = mebibytes(value, field);
  else if (field == "used") device.used_bytes = mebibytes(value, field);
  else if (field == "context") device.context_bytes = mebibytes(value, field);
  else if (field == "busy") device.busy = number_from(value, field) != 0;
  else if (field == "capability" && value.find('.') != std::string::npos) {
    const auto dot = value.find('.');
    device.capability = number_from(value.substr(0, dot), field) * 10 + number_from(value.substr(dot + 1), field);
  } else
    fail("CHEEMS_EMULATED_DEVICES: ", in_quotes(field + "=" + value),
         " is none of name=…, capability=9.0, memory=, used=, context= (MiB) and busy=1.");
}

// Creates a context on the device; the table must be locked.
cudaError_t take_context(int number, const char* call) {
  Device& device = table().devices[static_cast<std::size_t>(number)];
  if (!device.fault.empty()) return error(cudaErrorLaunchFailure, device.fault);
  if (device.has_context) return cudaSuccess;
  if (device.description.busy)
    return error(cudaErrorDevicesUnavailable, call, ": device ", number, " is another process's");
  if (device.free() < device.description.context_bytes)
    return error(cudaErrorMemoryAllocation, call, ": no room for a context on device ", number);
  device.has_context = true;
  return cudaSuccess;
}

}  // namespace

std::vector<EmulatedDevice> devices_from(const std::string& text) {
  std::vector<EmulatedDevice> devices;
  std::istringstream each(text);
  for (std::string one; std::getline(each, one, ';');) {
    EmulatedDevice& device = devices.emplace_back();
    std::istringstream fields(one);
    for (std::string field; std::getline(fields, field, ',');) {
      const auto equals = field.find('=');
      if (equals == std::string::npos) set_field(device, field, "");
      else set_field(device, field.substr(0, equals), field.substr(equals + 1));
    }
  }
  return devices;
}

void set_devices(std::vector<EmulatedDevice> devices) {
  const std::lock_guard lock(table().guard);
  std::vector<Device> now = made(std::move(devices));
  for (std::size_t i = 0; i < table().devices.size(); ++i) {
    const Device& before = table().devices[i];
    if (before.allocated == 0) continue;
    if (i >= now.size())
      fail("The emulated device ", i, " cannot go while ", before.allocated, " bytes are allocated on it.");
    now[i].allocated = before.allocated;
    now[i].has_context = before.has_context;
  }
  table().devices = std::move(now);
  chosen = 0;
}

void set_kernel_images(const std::string& images) {
  const std::lock_guard lock(table().guard);
  table().images = images;
}

std::string kernel_images() {
  const std::lock_guard lock(table().guard);
  return table().images;
}

void set_device_memory(std::size_t bytes) {
  const std::lock_guard lock(table().guard);
  table().devices.at(static_cast<std::size_t>(chosen)).description.memory_bytes = bytes;
}

void set_errors_sticky(bool sticky) {
  const std::lock_guard lock(table().guard);
  table().sticky = sticky;
  for (Device& device : table().devices) device.fault.clear();
}

int device_count() {
  const std::lock_guard lock(table().guard);
  return static_cast<int>(table().devices.size());
}

int current_device() { return chosen; }

EmulatedDevice description_of(int device) {
  const std::lock_guard lock(table().guard);
  return table().devices.at(static_cast<std::size_t>(device)).description;
}

cudaError_t choose_device(int device) {
  const std::lock_guard lock(table().guard);
  const auto count = static_cast<int>(table().devices.size());
  if (device < 0 || device >= count)
    return error(cudaErrorInvalidDevice, "cudaSetDevice: there are ", count, " emulated devices, and no number ",
                 device);
  if (const cudaError_t bad = take_context(device, "cudaSetDevice")) return bad;
  chosen = device;
  return cudaSuccess;
}

cudaError_t use_current_device(const char* call) {
  const std::lock_guard lock(table().guard);
  if (table().devices.empty()) return error(cudaErrorNoDevice, call);
  return take_context(chosen, call);
}

cudaError_t dead_device(int device, const char* call) {
  const std::lock_guard lock(table().guard);
  if (device < 0 || device >= static_cast<int>(table().devices.size())) return error(cudaErrorInvalidDevice, call);
  const std::string& fault = table().devices[static_cast<std::size_t>(device)].fault;
  return fault.empty() ? cudaSuccess : error(cudaErrorLaunchFailure, fault);
}

bool dies_of_fault(int device, const std::string& fault) {
  const std::lock_guard lock(table().guard);
  if (!table().sticky) return false;
  std::string& known = table().devices.at(static_cast<std::size_t>(device)).fault;
  if (known.empty()) known = fault;
  return true;
}

// CUDA's rule, implemented independently of the backend (backends/cuda/images.h).
bool has_image(int number) {
  const std::lock_guard lock(table().guard);
  const int capability = table().devices.at(static_cast<std::size_t>(number)).description.capability;
  const char* text = table().images.c_str();
  for (const char* at = text; (at = std::strstr(at, "sm_")) != nullptr; ++at) {
    char* end = nullptr;
    const int compiled = static_cast<int>(std::strtol(at + 3, &end, 10));
    const bool family = *end == ' ' || *end == 0;
    if (compiled == capability || (family && compiled / 10 == capability / 10 && compiled < capability)) return true;
  }
  for (const char* at = text; (at = std::strstr(at, "PTX ")) != nullptr; ++at) {
    char* end = nullptr;
    const int compiled = static_cast<int>(std::strtol(at + 4, &end, 10)) * 10 + std::atoi(end + 1);
    if (compiled <= capability) return true;
  }
  return false;
}

std::size_t capacity_bytes() {
  const std::lock_guard lock(table().guard);
  return table().devices.at(static_cast<std::size_t>(chosen)).description.memory_bytes;
}

std::size_t free_bytes() { return free_bytes_of(chosen); }

std::size_t free_bytes_of(int device) {
  const std::lock_guard lock(table().guard);
  return table().devices.at(static_cast<std::size_t>(device)).free();
}

bool take_bytes(int device, std::size_t bytes) {
  const std::lock_guard lock(table().guard);
  Device& from = table().devices.at(static_cast<std::size_t>(device));
  if (bytes > from.free()) return false;
  from.allocated += bytes;
  return true;
}

void give_bytes(int device, std::size_t bytes) {
  const std::lock_guard lock(table().guard);
  table().devices.at(static_cast<std::size_t>(device)).allocated -= bytes;
}

}  // namespace cheems::cuda_on_cpu

std::string cheems::cuda::kernel_images() { return cuda_on_cpu::kernel_images(); }

// For tests outside of the plug-in: see set_devices and set_kernel_images.
extern "C" __attribute__((visibility("default"))) void cheems_emulate_devices(const char* devices, const char* images) {
  cheems::cuda_on_cpu::set_devices(cheems::cuda_on_cpu::devices_from(devices));
  cheems::cuda_on_cpu::set_kernel_images(images);
}
