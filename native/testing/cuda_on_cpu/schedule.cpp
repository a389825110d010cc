#include "testing/cuda_on_cpu/schedule.h"

#include <charconv>
#include <cstdlib>
#include <mutex>
#include <string>

#include "core/error.h"

namespace cheems::cuda_on_cpu {

namespace {

Schedule from_environment() {
  const char* const text = std::getenv("CHEEMS_EMULATED_SCHEDULE");
  return text == nullptr || *text == 0 ? Schedule{} : parse_schedule(text);
}

std::mutex schedule_guard;

Schedule& the_schedule() {
  static Schedule schedule = from_environment();
  return schedule;
}

}  // namespace

Schedule parse_schedule(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string order = text.substr(0, colon), seed = colon == std::string::npos ? "" : text.substr(colon + 1);
  Schedule schedule;
  if (order == "forward") schedule.order = Order::forward;
  else if (order == "reverse") schedule.order = Order::reverse;
  else if (order == "random") schedule.order = Order::random;
  else if (order == "warp_sprint") schedule.order = Order::warp_sprint;
  else
    fail("The schedule of the emulated CUDA device (CHEEMS_EMULATED_SCHEDULE) is ", in_quotes(text),
         ": write forward, reverse, random:SEED or warp_sprint:SEED.");
  if (colon == std::string::npos) return schedule;
  const auto [end, error] = std::from_chars(seed.data(), seed.data() + seed.size(), schedule.seed);
  if (error != std::errc() || end != seed.data() + seed.size()) {
    fail("The schedule of the emulated CUDA device (CHEEMS_EMULATED_SCHEDULE) is ", in_quotes(text),
         ": the seed after the colon must be a whole number.");
  }
  return schedule;
}

void set_schedule(Schedule schedule) {
  const std::lock_guard<std::mutex> lock(schedule_guard);
  the_schedule() = schedule;
}

Schedule schedule() {
  const std::lock_guard<std::mutex> lock(schedule_guard);
  return the_schedule();
}

}  // namespace cheems::cuda_on_cpu
