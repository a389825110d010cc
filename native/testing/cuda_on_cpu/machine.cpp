#include "testing/cuda_on_cpu/machine.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "core/error.h"
#include "testing/cuda_on_cpu/checks.h"
#include "testing/cuda_on_cpu/memory.h"

namespace cheems::cuda_on_cpu {

thread_local Thread* current = nullptr;

Machine* const the_machine = new Machine;  // never destroyed: plug-ins may be called at exit

void Machine::run(const Launch& asked) {
  const std::lock_guard<std::mutex> alone(one_launch_);
  launch = &asked;
  grid = dim3(static_cast<unsigned>(asked.grid_x), static_cast<unsigned>(asked.grid_y),
              static_cast<unsigned>(asked.grid_z));
  block = dim3(static_cast<unsigned>(asked.threads));
  thread_count = asked.threads;
  warp_count = (thread_count + kWarpLanes - 1) / kWarpLanes;
  schedule_ = schedule();
  random_ = schedule_.seed;
  error_.clear();
  checks_begin_launch(*this);
  order_blocks();
  for (std::int64_t rank = 0; rank < block_count_ && error_.empty(); ++rank) {
    block_position = block_at(rank);
    begin_block();
    Thread* const first = next_ready();
    current = first;
    Fiber::switch_to(host_, first->fiber);  // returns when all threads have ended, or one has found an error
    current = nullptr;
  }
  checks_end_launch(*this);
  launch = nullptr;
  if (!error_.empty()) {
    std::string text;
    text.swap(error_);
    throw Error(text);
  }
}

// The block with number `rank * step + offset`, modulo the number of blocks, runs at that rank. A step that is coprime
// to the number of blocks visits every block once.
void Machine::order_blocks() {
  block_count_ = launch->grid_x * launch->grid_y * launch->grid_z;
  block_step_ = 1;
  block_offset_ = 0;
  if (schedule_.order == Order::forward) return;
  if (schedule_.order == Order::reverse) {
    block_step_ = block_offset_ = block_count_ - 1;
    return;
  }
  block_offset_ = static_cast<std::int64_t>(draw() % static_cast<std::uint64_t>(block_count_));
  do {
    block_step_ = 1 + static_cast<std::int64_t>(draw() % 0x7fffffffu);
  } while (std::gcd(block_step_, block_count_) != 1);
}

uint3 Machine::block_at(std::int64_t rank) const {
  const auto number =
      static_cast<std::uint64_t>((static_cast<unsigned __int128>(rank) * static_cast<std::uint64_t>(block_step_) +
                                  static_cast<std::uint64_t>(block_offset_)) %
                                 static_cast<std::uint64_t>(block_count_));
  return {static_cast<unsigned>(number % grid.x), static_cast<unsigned>(number / grid.x % grid.y),
          static_cast<unsigned>(number / grid.x / grid.y)};
}

void Machine::begin_block() {
  live = thread_count;
  at_barrier = 0;
  ready_warps_ = 0;
  last_run_ = schedule_.order == Order::reverse ? 0 : thread_count - 1;
  for (int number = 0; number < thread_count; ++number) {
    Thread& thread = threads[number];
    const Stack stack = stack_of(number);
    thread.fiber.prepare(stack.low, stack.bytes, thread_entry);
    thread.stack_low = reinterpret_cast<std::uintptr_t>(stack.low);
    thread.number = static_cast<std::uint16_t>(number);
    thread.warp = static_cast<std::uint16_t>(number / kWarpLanes);
    thread.lane = static_cast<std::uint16_t>(number % kWarpLanes);
    thread.index = {static_cast<unsigned>(number), 0, 0};
    thread.copies.clear();
    thread.async_group = 0;
  }
  for (int w = 0; w < warp_count; ++w) {
    const int lanes = std::min(kWarpLanes, thread_count - w * kWarpLanes);
    warps[w] = Warp{lanes == kWarpLanes ? 0xffffffffu : (1u << lanes) - 1, 0, 0, static_cast<std::uint32_t>(draw())};
  }
  for (int number = 0; number < thread_count; ++number) make_ready(threads[number]);
  checks_begin_block(*this);
}

void Machine::thread_entry() {
  Fiber::entered();
  Machine& self = machine();
  Thread& thread = *current;
  try {
    self.launch->call(self.launch->arguments);
  } catch (const std::exception& thrown) {
    self.stop(
        [&] { return sentence("the kernel threw an exception, which no kernel may do on a GPU: ", thrown.what()); });
  }
  checks_end_thread(self, thread);
  thread.state = Thread::State::ended;
  self.warps[thread.warp].live &= ~(1u << thread.lane);
  --self.live;
  self.check_barrier();
  Thread* const next = self.next_ready();
  if (next == nullptr && self.live > 0) self.give_up(thread);
  current = next;
  Fiber::switch_to(thread.fiber, next == nullptr ? self.host_ : next->fiber, true);
  std::abort();  // an ended fiber is never entered again
}

void Machine::make_ready(Thread& thread) {
  thread.state = Thread::State::ready;
  warps[thread.warp].ready |= 1u << thread.lane;
  ready_warps_ |= 1u << thread.warp;
}

std::uint64_t Machine::draw() {  // splitmix64
  std::uint64_t z = (random_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

namespace {

// The set bit at or after `from`, cyclically.
int next_bit(std::uint32_t bits, int from) { return (std::countr_zero(std::rotr(bits, from)) + from) & 31; }
// The set bit at or before `from`, cyclically.
int previous_bit(std::uint32_t bits, int from) {
  return 31 - ((std::countl_zero(std::rotl(bits, 31 - from)) + 31 - from) & 31);
}

}  // namespace

// Takes the next thread to run from the ready ones; null if there is none.
Thread* Machine::next_ready() {
  if (ready_warps_ == 0) return nullptr;
  const int last_warp = last_run_ / kWarpLanes, last_lane = last_run_ % kWarpLanes;
  int w = 0, lane = 0;
  switch (schedule_.order) {
    case Order::forward: {
      const std::uint32_t rest = last_lane == 31 ? 0 : warps[last_warp].ready & (0xffffffffu << (last_lane + 1));
      w = rest != 0 ? last_warp : next_bit(ready_warps_, (last_warp + 1) & 31);
      lane = std::countr_zero(rest != 0 ? rest : warps[w].ready);
      break;
    }
    case Order::reverse: {
      const std::uint32_t rest = warps[last_warp].ready & ((1u << last_lane) - 1);
      w = rest != 0 ? last_warp : previous_bit(ready_warps_, (last_warp + 31) & 31);
      lane = 31 - std::countl_zero(rest != 0 ? rest : warps[w].ready);
      break;
    }
    case Order::random: {
      const std::uint64_t drawn = draw();
      w = next_bit(ready_warps_, static_cast<int>(drawn & 31));
      lane = next_bit(warps[w].ready, static_cast<int>(drawn >> 32 & 31));
      break;
    }
    case Order::warp_sprint: {
      w = std::countr_zero(ready_warps_);
      for (std::uint32_t left = ready_warps_ & (ready_warps_ - 1); left != 0; left &= left - 1) {
        if (const int other = std::countr_zero(left); warps[other].rank > warps[w].rank) w = other;
      }
      lane = next_bit(warps[w].ready, static_cast<int>(draw() & 31));
      break;
    }
  }
  last_run_ = w * kWarpLanes + lane;
  warps[w].ready &= ~(1u << lane);
  if (warps[w].ready == 0) ready_warps_ &= ~(1u << w);
  return &threads[last_run_];
}

void Machine::suspend(Thread& self) {
  Thread* const next = next_ready();
  if (next == nullptr) give_up(self);
  if (next == &self) return;
  current = next;
  Fiber::switch_to(self.fiber, next->fiber);
}

void Machine::leave_kernel() {
  Thread& self = *current;
  Fiber::switch_to(self.fiber, host_);
  std::abort();
}

void Machine::wait_at_barrier(Place place) {
  Thread& self = *current;
  self.state = Thread::State::at_barrier;
  self.place = place;
  ++at_barrier;
  check_barrier();
  suspend(self);
}

// Releases the barrier once every thread that has not ended waits at it.
void Machine::check_barrier() {
  if (live == 0 || at_barrier < live) return;
  checks_barrier(*this);
  at_barrier = 0;
  for (int w = 0; w < warp_count; ++w) {
    if (schedule_.order == Order::warp_sprint) warps[w].rank = static_cast<std::uint32_t>(draw());
    warps[w].ready = warps[w].live;
    if (warps[w].live != 0) ready_warps_ |= 1u << w;
  }
  for (int number = 0; number < thread_count; ++number) threads[number].state = Thread::State::ready;
}

void Machine::wait_at_collective() {
  Thread& self = *current;
  Warp& warp = warps[self.warp];
  self.state = Thread::State::at_collective;
  warp.waiting |= 1u << self.lane;
  complete(self);
  suspend(self);
}

// Performs the collective that `self` requests if all its lanes wait. Returns false if some have not arrived yet.
bool Machine::complete(Thread& self) {
  Warp& warp = warps[self.warp];
  if ((warp.waiting & self.mask) != self.mask) return false;
  Thread* const lanes = threads + self.warp * kWarpLanes;
  for (std::uint32_t left = self.mask; left != 0; left &= left - 1) {
    if (lanes[std::countr_zero(left)].mask != self.mask) return false;
  }
  checks_collective(*this, self);
  perform(*this, warp, self.warp, self.mask);
  warp.waiting &= ~self.mask;
  for (std::uint32_t left = self.mask; left != 0; left &= left - 1) make_ready(lanes[std::countr_zero(left)]);
  return true;
}

// Reports a deadlock: no thread can run, and some wait.
void Machine::give_up(Thread& self) {
  current = &self;
  stop([&] { return deadlock_report(*this); });
}

}  // namespace cheems::cuda_on_cpu
