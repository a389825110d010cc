#include "testing/cuda_on_cpu/checks.h"

#include <bit>
#include <cstring>
#include <vector>

#include "core/error.h"
#include "testing/cuda_on_cpu/access.h"
#include "testing/cuda_on_cpu/traffic_counters.h"

namespace cheems::cuda_on_cpu {

namespace {

bool same_place(Place a, Place b) { return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0); }

const char* name(Collective collective) {
  switch (collective) {
    case Collective::synchronize:
      return "__syncwarp";
    case Collective::shuffle:
      return "a warp shuffle";
    case Collective::ballot:
      return "a warp vote";
    case Collective::load_matrices:
      return "ldmatrix";
    case Collective::multiply_accumulate:
      return "mma";
  }
  return "a warp function";
}

}  // namespace

std::string block_name(uint3 position) {
  return sentence("block (", position.x, ", ", position.y, ", ", position.z, ")");
}

std::string thread_name(const Thread& thread) { return sentence("thread ", thread.number); }

std::string place_name(Place place) {
  // The path below native/, as in messages of the engine.
  const char* file = place.file;
  if (const char* const native = std::strstr(file, "native/")) file = native + std::strlen("native/");
  return sentence(file, ":", place.line);
}

void checks_barrier(Machine& machine) {
  const Thread* first = nullptr;
  for (int number = 0; number < machine.thread_count; ++number) {
    const Thread& thread = machine.threads[number];
    if (thread.state != Thread::State::at_barrier) continue;
    if (first == nullptr) first = &thread;
    if (!same_place(first->place, thread.place)) {
      machine.stop([&] {
        return sentence("the block meets at two different barriers: ", thread_name(*first), " at __syncthreads in ",
                        place_name(first->place), " and ", thread_name(thread), " in ", place_name(thread.place),
                        ". All threads must come to the same one.");
      });
    }
  }
  if (machine.live < machine.thread_count) {
    machine.stop([&] {
      return sentence(machine.live, " threads wait at __syncthreads in ", place_name(first->place), ", but ",
                      machine.thread_count - machine.live,
                      " have already returned from the kernel. All threads of a block must come to a barrier.");
    });
  }
  shared_checks_barrier();
  if (traffic_counted) count_barrier();
}

void checks_collective(Machine& machine, Thread& self) {
  const Thread* const lanes = machine.threads + self.warp * kWarpLanes;
  for (std::uint32_t left = self.mask; left != 0; left &= left - 1) {
    const Thread& other = lanes[std::countr_zero(left)];
    if (other.collective != self.collective || other.argument * (self.collective == Collective::load_matrices) !=
                                                   self.argument * (self.collective == Collective::load_matrices)) {
      machine.stop([&] {
        return sentence("lanes of one warp call different functions with the same mask: ", thread_name(other), " ",
                        name(other.collective), " at ", place_name(other.place), ", ", thread_name(self), " ",
                        name(self.collective), " at ", place_name(self.place), ".");
      });
    }
    if (!same_place(other.place, self.place)) {
      machine.stop([&] {
        return sentence("lanes of one warp meet from different lines with the same mask: ", thread_name(other), " at ",
                        place_name(other.place), ", ", thread_name(self), " at ", place_name(self.place), ".");
      });
    }
  }
  if (traffic_counted) count_warp_function(self, self.mask);
  if (self.collective == Collective::synchronize) shared_checks_warp_synchronized(machine, self.warp, self.mask);
}

std::string deadlock_report(const Machine& machine) {
  struct Group {
    const Thread* first;
    int threads;
  };
  std::vector<Group> groups;
  for (int number = 0; number < machine.thread_count; ++number) {
    const Thread& thread = machine.threads[number];
    if (thread.state == Thread::State::ended) continue;
    bool counted = false;
    for (Group& group : groups) {
      const bool barrier = thread.state == Thread::State::at_barrier;
      if (group.first->state == thread.state && same_place(group.first->place, thread.place) &&
          (barrier || (group.first->collective == thread.collective && group.first->mask == thread.mask))) {
        ++group.threads;
        counted = true;
        break;
      }
    }
    if (!counted) groups.push_back({&thread, 1});
  }
  std::string text = "deadlock: ";
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto [first, threads] = groups[i];
    text += sentence(i == 0 ? "" : "; ", threads, threads == 1 ? " thread waits" : " threads wait", " (",
                     thread_name(*first), threads == 1 ? "" : " is the first", ") at ");
    text += first->state == Thread::State::at_barrier
                ? sentence("__syncthreads in ", place_name(first->place))
                : sentence(name(first->collective), " in ", place_name(first->place), " with the mask 0x", std::hex,
                           first->mask);
  }
  const int ended = machine.thread_count - machine.live;
  return text + sentence("; ", ended, ended == 1 ? " thread has" : " threads have", " returned from the kernel.");
}

}  // namespace cheems::cuda_on_cpu
