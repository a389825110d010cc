// Performs operations of a whole warp, once all its lanes have arrived.
#include <bit>
#include <cstring>

#include "core/error.h"
#include "testing/cuda_on_cpu/machine.h"

namespace cheems::cuda_on_cpu {

namespace {

void shuffle(Machine& machine, Thread* lanes, std::uint32_t mask) {
  std::uint64_t given[kWarpLanes];
  for (std::uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    std::memcpy(&given[lane], lanes[lane].in, sizeof given[lane]);
  }
  for (std::uint32_t left = mask; left != 0; left &= left - 1) {
    Thread& taker = lanes[std::countr_zero(left)];
    const int source = taker.argument & 31;
    if ((mask >> source & 1) == 0) {
      machine.stop([&] {
        return sentence(thread_name(taker), " shuffles from lane ", source, " at ", place_name(taker.place),
                        ", which is not in the mask 0x", std::hex, mask, ": its value is undefined.");
      });
    }
    std::memcpy(taker.out, &given[source], sizeof given[source]);
  }
}

void ballot(Thread* lanes, std::uint32_t mask) {
  std::uint32_t votes = 0;
  for (std::uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    if (lanes[lane].argument != 0) votes |= 1u << lane;
  }
  for (std::uint32_t left = mask; left != 0; left &= left - 1) {
    std::memcpy(lanes[std::countr_zero(left)].out, &votes, sizeof votes);
  }
}

}  // namespace

void perform(Machine& machine, Warp&, int warp_number, std::uint32_t mask) {
  Thread* const lanes = machine.threads + warp_number * kWarpLanes;
  switch (lanes[std::countr_zero(mask)].collective) {
    case Collective::synchronize:
      break;
    case Collective::shuffle:
      shuffle(machine, lanes, mask);
      break;
    case Collective::ballot:
      ballot(lanes, mask);
      break;
    case Collective::load_matrices:
      load_matrices(lanes);
      break;
    case Collective::multiply_accumulate:
      multiply_accumulate(lanes);
      break;
  }
}

}  // namespace cheems::cuda_on_cpu
