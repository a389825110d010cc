// What each operation of the CUDA backend moves and computes, counted while its kernels are executed on the CPU, beside
// the floor of its contract (native/ops/*/traffic.cpp). Prints JSON; scripts/gpu/compile_kernels.cjs --write-table
// makes bench/KERNELS.md of it.
//
//   kernel_traffic [WORD]      operations with WORD in their name alone
//
// Shapes are those of Qwen2.5 0.5B and 7B. Numbers are zeros: what is moved does not depend on them. A floor counts
// each tensor once, in its real dtype, however often a kernel must come back to it.
#include <iostream>

#include "testing/cuda_on_cpu/operation_traffic.h"

int main(int argc, char** argv) {
  try {
    cheems::traffic::Report report(argc > 1 ? argv[1] : "");
    cheems::traffic::count_all(report);
    std::cout << report.result().dump(1) << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
