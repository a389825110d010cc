// Integer atomics. One thread runs at a time, so plain code is atomic.
#include <algorithm>

#include "testing/cuda_on_cpu/access.h"
#include "testing/cuda_on_cpu/machine.h"

namespace cheems::cuda_on_cpu {

namespace {

template <class Word, class Signed>
Word apply(AtomicOperation operation, Word old, Word operand, Word compare, bool is_signed) {
  const auto less = [&](Word a, Word b) { return is_signed ? static_cast<Signed>(a) < static_cast<Signed>(b) : a < b; };
  switch (operation) {
    case AtomicOperation::add:
      return old + operand;
    case AtomicOperation::exchange:
      return operand;
    case AtomicOperation::minimum:
      return less(operand, old) ? operand : old;
    case AtomicOperation::maximum:
      return less(old, operand) ? operand : old;
    case AtomicOperation::bit_and:
      return old & operand;
    case AtomicOperation::bit_or:
      return old | operand;
    case AtomicOperation::compare_and_swap:
      return old == compare ? operand : old;
  }
  return old;
}

}  // namespace

std::uint32_t atomic_32(AtomicOperation operation, std::uint32_t* address, std::uint32_t operand, std::uint32_t compare,
                        bool is_signed, const void* site) {
  check_access(*current, {reinterpret_cast<std::uintptr_t>(address), sizeof *address, Access::atomic, site});
  const std::uint32_t old = *address;
  *address = apply<std::uint32_t, std::int32_t>(operation, old, operand, compare, is_signed);
  return old;
}

std::uint64_t atomic_64(AtomicOperation operation, std::uint64_t* address, std::uint64_t operand, std::uint64_t compare,
                        const void* site) {
  check_access(*current, {reinterpret_cast<std::uintptr_t>(address), sizeof *address, Access::atomic, site});
  const std::uint64_t old = *address;
  *address = apply<std::uint64_t, std::int64_t>(operation, old, operand, compare, false);
  return old;
}

}  // namespace cheems::cuda_on_cpu
