// ldmatrix and mma.sync, fragment by fragment in PTX's layout (see device.cuh).
#include <bit>
#include <cstring>

#include "core/error.h"
#include "testing/cuda_on_cpu/access.h"
#include "testing/cuda_on_cpu/machine.h"
#include "testing/cuda_on_cpu/memory.h"

namespace cheems::cuda_on_cpu {

void load_matrices(Thread* lanes) {
  const bool transposed = lanes[0].argument < 0;
  const int matrices = transposed ? -lanes[0].argument : lanes[0].argument;
  std::uint16_t matrix[4][8][8];
  for (int source = 0; source < matrices * 8; ++source) {
    Thread& lane = lanes[source];
    const auto address = reinterpret_cast<std::uintptr_t>(lane.in);
    if (!shared_stretch.contains(address) || address % 16 != 0) {
      machine().stop([&] {
        return sentence(thread_name(lane), " gives ldmatrix at ", place_name(lane.place), " a row that is not ",
                        address % 16 != 0 ? "aligned to 16 bytes." : "in shared memory.");
      });
    }
    check_access(lane, {address, 16, Access::read, lane.site});
    std::memcpy(matrix[source / 8][source % 8], lane.in, 16);
  }
  for (int l = 0; l < kWarpLanes; ++l) {
    const int g = l / 4, q = 2 * (l % 4);
    std::uint32_t registers[4];
    for (int m = 0; m < matrices; ++m) {
      const std::uint32_t low = transposed ? matrix[m][q][g] : matrix[m][g][q];
      const std::uint32_t high = transposed ? matrix[m][q + 1][g] : matrix[m][g][q + 1];
      registers[m] = low | high << 16;
    }
    std::memcpy(lanes[l].out, registers, static_cast<std::size_t>(matrices) * sizeof registers[0]);
  }
}

namespace {

using Row = float __attribute__((vector_size(32)));  // eight columns of b or d

float low_half(std::uint32_t pair) { return std::bit_cast<float>(pair << 16); }
float high_half(std::uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000u); }

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
__attribute__((target_clones("avx2", "default")))
#endif
void
multiply(const float (&a)[16][16], const Row (&b)[16], Row (&d)[16]) {
  for (int row = 0; row < 16; ++row) {
    Row sum = d[row];
    for (int k = 0; k < 16; ++k) sum += a[row][k] * b[k];
    d[row] = sum;
  }
}

}  // namespace

void multiply_accumulate(Thread* lanes) {
  float a[16][16];
  Row b[16], d[16];
  for (int l = 0; l < kWarpLanes; ++l) {
    const auto& operands = *static_cast<const MmaOperands*>(lanes[l].in);
    const float* const sum = static_cast<const float*>(lanes[l].out);
    const int g = l / 4, q = 2 * (l % 4);
    for (int i = 0; i < 4; ++i) {
      const int row = g + 8 * (i % 2), column = q + 8 * (i / 2);
      a[row][column] = low_half(operands.a[i]);
      a[row][column + 1] = high_half(operands.a[i]);
    }
    for (int i = 0; i < 2; ++i) {
      b[q + 8 * i][g] = low_half(operands.b[i]);
      b[q + 8 * i + 1][g] = high_half(operands.b[i]);
    }
    d[g][q] = sum[0];
    d[g][q + 1] = sum[1];
    d[g + 8][q] = sum[2];
    d[g + 8][q + 1] = sum[3];
  }
  multiply(a, b, d);
  for (int l = 0; l < kWarpLanes; ++l) {
    float* const sum = static_cast<float*>(lanes[l].out);
    const int g = l / 4, q = 2 * (l % 4);
    sum[0] = d[g][q];
    sum[1] = d[g][q + 1];
    sum[2] = d[g + 8][q];
    sum[3] = d[g + 8][q + 1];
  }
}

}  // namespace cheems::cuda_on_cpu
