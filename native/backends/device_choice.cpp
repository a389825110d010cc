#include "backends/device_choice.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "backends/plugin_backend.h"
#include "core/error.h"

namespace cheems {
namespace {

constexpr int64_t kGib = int64_t{1} << 30;
constexpr int64_t kKeepGib = 4;

// A sentence as a part of another.
std::string without_stop(std::string text) {
  while (!text.empty() && text.back() == '.') text.pop_back();
  return text;
}

std::string in_gib(int64_t bytes) { return sentence(bytes / kGib, ".", bytes % kGib * 10 / kGib, " GiB"); }

}  // namespace

std::unique_ptr<Backend> create_cuda(const CudaDevices& devices, int number) {
  std::array<char, 4096> text{};
  Backend* backend = devices.table->create(number, text.data(), text.size());
  if (!backend) throw Error(text.data());
  return backend_of_plugin(std::unique_ptr<Backend>(backend), devices.table->calls);
}

std::vector<int> order_of_trial(const std::vector<int>& usable, const std::vector<int64_t>& free_bytes, int kept) {
  const auto gib = [&](size_t i) { return free_bytes[i] < 0 ? int64_t{-1} : free_bytes[i] / kGib; };
  std::vector<size_t> order(usable.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return gib(a) > gib(b); });
  const auto is_kept = std::find_if(order.begin(), order.end(), [&](size_t i) { return usable[i] == kept; });
  if (is_kept != order.end() && gib(order.front()) - gib(*is_kept) <= kKeepGib)
    std::rotate(order.begin(), is_kept, is_kept + 1);
  std::vector<int> numbers;
  numbers.reserve(order.size());
  for (const size_t i : order) numbers.push_back(usable[i]);
  return numbers;
}

TakenDevice take_cuda(const CudaDevices& devices, int& kept) {
  std::vector<int> usable;
  std::string refused;
  const auto refuse = [&](int number, const std::string& reason) {
    refused += sentence("; cuda:", number, " (", devices.list[static_cast<size_t>(number)].description,
                        ") was not used: ", without_stop(reason));
  };
  for (size_t i = 0; i < devices.list.size(); ++i) {
    if (devices.list[i].unusable.empty()) usable.push_back(static_cast<int>(i));
    else refuse(static_cast<int>(i), devices.list[i].unusable);
  }
  std::vector<int64_t> free_bytes;
  free_bytes.reserve(usable.size());
  for (const int number : usable) free_bytes.push_back(usable.size() > 1 ? devices.table->free_memory(number) : -1);
  for (const int number : order_of_trial(usable, free_bytes, kept)) {
    try {
      auto backend = create_cuda(devices, number);
      kept = number;
      const int64_t free =
          free_bytes[static_cast<size_t>(std::find(usable.begin(), usable.end(), number) - usable.begin())];
      if (usable.size() > 1)
        refused.insert(0, sentence("; chosen from ", usable.size(), " GPUs",
                                   free < 0 ? " in their order" : sentence(" by free memory: ", in_gib(free))));
      return {std::move(backend), refused};
    } catch (const Error& error) {
      refuse(number, error.what());
    }
  }
  return {nullptr, devices.list.empty() ? devices.missing : refused.substr(2)};
}

}  // namespace cheems
