#include "storage/mapping_faults.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <mutex>

#include <unistd.h>

namespace cheems::storage {
namespace {

// Entries are claimed and freed under the mutex. The signal handler cannot lock it, so begin is written last and
// cleared first.
struct Mapping {
  std::atomic<const std::byte*> begin{nullptr};
  std::atomic<std::size_t> size{0};
  std::array<char, 512> path{};  // cut if it is longer
};
std::array<Mapping, 1024> mappings;
std::mutex mutex;
struct sigaction before;

void say(const char* text) {
  const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
  static_cast<void>(written);  // there is nowhere to report a failure
}

// Only what is allowed in a signal handler. When it returns, the read is repeated, and the previous handler of SIGBUS
// gets it.
void explain(int, siginfo_t* info, void*) {
  const auto* address = static_cast<const std::byte*>(info->si_addr);
  for (const Mapping& mapping : mappings) {
    const std::byte* begin = mapping.begin.load(std::memory_order_acquire);
    if (begin == nullptr || address < begin || address >= begin + mapping.size.load(std::memory_order_relaxed))
      continue;
    say("cheems-native: the weights file ");
    say(mapping.path.data());
    say(" can no longer be read: another process cut it short while it was in use, or its disk failed. The process "
        "ends. "
        "Replace weights by renaming, and start again.\n");
    break;
  }
  ::sigaction(SIGBUS, &before, nullptr);
}

void install() {
  struct sigaction action = {};
  action.sa_sigaction = explain;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &before);
}

}  // namespace

void explain_faults_in(const std::byte* data, std::size_t size, const std::string& path) {
  const std::lock_guard lock(mutex);
  static std::once_flag installed;
  std::call_once(installed, install);
  for (Mapping& mapping : mappings) {
    if (mapping.begin.load(std::memory_order_relaxed) != nullptr) continue;
    const std::size_t length = std::min(path.size(), mapping.path.size() - 1);
    std::memcpy(mapping.path.data(), path.data(), length);
    mapping.path[length] = '\0';
    mapping.size.store(size, std::memory_order_relaxed);
    mapping.begin.store(data, std::memory_order_release);
    return;
  }
}

void forget_mapping(const std::byte* data) {
  const std::lock_guard lock(mutex);
  for (Mapping& mapping : mappings)
    if (mapping.begin.load(std::memory_order_relaxed) == data) mapping.begin.store(nullptr, std::memory_order_release);
}

}  // namespace cheems::storage
