// The order in which the threads of a block run, and the blocks of a grid. CUDA permits every order; a kernel that
// needs a particular one is wrong.
#pragma once

#include <cstdint>
#include <string>

namespace cheems::cuda_on_cpu {

enum class Order : std::uint8_t {
  forward,      // round robin by thread number; blocks by number
  reverse,      // round robin from the last thread to the first, and from the last block to the first
  random,       // any ready thread; blocks in a drawn order
  warp_sprint,  // one warp runs as far as it can while the others starve, the ranking is drawn anew at each barrier;
                // blocks as random
};

struct Schedule {
  Order order = Order::forward;
  std::uint64_t seed = 1;
};

// "forward", "reverse", "random:SEED" or "warp_sprint:SEED". Throws on anything else.
Schedule parse_schedule(const std::string& text);

// Sets the schedule of all later launches. Each launch starts from the seed, so that runs are reproducible. Initially
// the value of the environment variable CHEEMS_EMULATED_SCHEDULE, or forward.
void set_schedule(Schedule schedule);
Schedule schedule();

// Sets a schedule for the duration of a scope.
class ScheduleScope {
 public:
  explicit ScheduleScope(Schedule inside) : before_(schedule()) { set_schedule(inside); }
  ~ScheduleScope() { set_schedule(before_); }
  ScheduleScope(const ScheduleScope&) = delete;
  ScheduleScope& operator=(const ScheduleScope&) = delete;

 private:
  Schedule before_;
};

}  // namespace cheems::cuda_on_cpu
