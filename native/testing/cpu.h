// The CPU's operations for tests: with a workspace of exactly the requested size, with several thread counts, and under
// each SIMD target that was compiled and that this machine supports.
#pragma once

#include <hwy/highway.h>

#include <cstdlib>
#include <map>
#include <memory>

#include "backends/backend.h"
#include "ops/operations.h"
#include "testing/numbers.h"

namespace cheems::testing {

// Backends live as long as the test program: starting threads repeatedly is slow.
inline Backend& cpu_backend(int threads) {
  static std::map<int, std::unique_ptr<Backend>> backends;
  auto& backend = backends[threads];
  if (!backend) backend = create_cpu_backend(threads);
  return *backend;
}

// The precision of the matrix products of a Cpu that is constructed from now on.
inline DType& tested_precision() {
  static DType precision = DType::float32;
  return precision;
}

class Cpu {
 public:
  explicit Cpu(int threads, const WorkspaceRequest& request = {})
      : set_precision_(cpu_backend(threads).set_precision(tested_precision())),
        operations_(cpu_backend(threads).operations()),
        bytes_(operations_.workspace_bytes(request)) {
    workspace_.reset(static_cast<char*>(std::aligned_alloc(64, static_cast<size_t>((bytes_ + 63) / 64 * 64))));
    // Anything that a kernel reads before writing it is a NaN. (The beginning is enough: the rest is for matrix
    // products.)
    std::memset(workspace_.get(), 0xff, static_cast<size_t>(std::min<int64_t>(bytes_, 1 << 19)));
  }
  ~Cpu() { operations_.set_workspace(nullptr, 0); }
  Cpu(const Cpu&) = delete;
  Operations* operator->() {
    operations_.set_workspace(workspace_.get(), bytes_);  // another Cpu may have used the backend in between
    return &operations_;
  }
  void limit_workspace(int64_t bytes) { bytes_ = bytes; }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  DType set_precision_;
  Operations& operations_;
  int64_t bytes_;
  std::unique_ptr<char, Free> workspace_;
};

// Calls body(name) under each target, best last, so that the best stays chosen afterwards.
template <class Body>
void for_each_simd_target(Body body) {
  auto targets = hwy::SupportedAndGeneratedTargets();
  std::sort(targets.rbegin(), targets.rend());  // Highway numbers better targets lower
  for (const int64_t target : targets) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    const std::string name = hwy::TargetName(target);
    CAPTURE(name);
    body(name);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

// check_rounding for what a Cpu computed. Factors in bfloat16 have a relative rounding error of at most 2^-9, and most
// of it averages out in long sums: there the root mean square of the error is checked.
inline void check_products(const std::string& what, double factor, const std::vector<float>& found,
                           const std::vector<float>& plain, const std::vector<double>& exact, double terms = 0) {
  if (tested_precision() == DType::float32) return check_rounding(what, factor, found, plain, exact, terms);
  CAPTURE(what);
  REQUIRE(found.size() == exact.size());
  double error = 0, size = 0;
  for (size_t i = 0; i < exact.size(); ++i) error += std::pow(found[i] - exact[i], 2), size += std::pow(exact[i], 2);
  const double count = std::max<double>(1, static_cast<double>(exact.size()));
  CHECK(std::sqrt(error / count) <= 0x1p-7 * std::max(std::sqrt(size / count), terms) + 1e-37);
}

// The same, and then body("bfloat16") with products in bfloat16, if this processor supports them.
template <class Body>
void for_each_arithmetic(Body body) {
  for_each_simd_target(body);
  if (cpu_backend(1).set_precision(DType::bfloat16) != DType::bfloat16) return;
  tested_precision() = DType::bfloat16;
  const std::string name = "bfloat16";
  CAPTURE(name);
  body(name);
  tested_precision() = DType::float32;
}

using Outputs = std::vector<std::vector<float>>;

// The outputs of run(cpu) with one thread; 2 and 5 threads must give the same bits.
template <class Run>
Outputs with_any_threads(const WorkspaceRequest& request, Run run) {
  Outputs expected;
  for (const int threads : {1, 2, 5}) {
    Cpu cpu(threads, request);
    Outputs outputs = run(cpu);
    if (threads == 1) {
      expected = std::move(outputs);
      continue;
    }
    CAPTURE(threads);
    REQUIRE(outputs.size() == expected.size());
    for (size_t i = 0; i < outputs.size(); ++i) CHECK(same_bits(outputs[i], expected[i]));
  }
  return expected;
}

}  // namespace cheems::testing
