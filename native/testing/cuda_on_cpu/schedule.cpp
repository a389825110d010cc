#include "testing/cuda_on_cpu/schedule.h"

#include <cstdlib>
#include <mutex>
#include <string>

#include "core/error.h"

namespace cheems::cuda_on_cpu {

namespace {

Schedule from_environment() {
  const char* const text = std::getenv("CHEEMS_EMULATED_SCHEDULE");
  if (text == nullptr || *text == 0) return {};
  const std::string asked = text;
  const std::size_t colon = asked.find(':');
  const std::string order = asked.substr(0, colon);
  Schedule schedule;
  if (order == "forward") schedule.order = Order::forward;
  else if (order == "reverse") schedule.order = Order::reverse;
  else if (order == "random") schedule.order = Order::random;
  else if (order == "warp_sprint") schedule.order = Order::warp_sprint;
  else fail("CHEEMS_EMULATED_SCHEDULE is ", in_quotes(asked), ": write forward, reverse, random:SEED or warp_sprint:SEED.");
  if (colon != std::string::npos) {
    char* end = nullptr;
    schedule.seed = std::strtoull(asked.c_str() + colon + 1, &end, 10);
    if (end == asked.c_str() + colon + 1 || *end != 0) {
      fail("CHEEMS_EMULATED_SCHEDULE is ", in_quotes(asked), ": the seed after the colon must be a whole number.");
    }
  }
  return schedule;
}

std::mutex guard;

Schedule& the_schedule() {
  static Schedule schedule = from_environment();
  return schedule;
}

}  // namespace

void set_schedule(Schedule schedule) {
  const std::lock_guard<std::mutex> lock(guard);
  the_schedule() = schedule;
}

Schedule schedule() {
  const std::lock_guard<std::mutex> lock(guard);
  return the_schedule();
}

}  // namespace cheems::cuda_on_cpu
