// Finite differences in float64, which verify the backward formulas of references.
#pragma once

#include "testing/numbers.h"

namespace cheems::testing {

// The gradient of f at x by central differences. f takes the whole vector; errors are about 1e-10 of f's third
// derivatives.
template <class Function>
std::vector<double> numeric_gradient(std::vector<double> x, Function f, double step = 1e-5) {
  std::vector<double> gradient(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double kept = x[i];
    x[i] = kept + step;
    const double above = f(x);
    x[i] = kept - step;
    gradient[i] = (above - f(x)) / (2 * step);
    x[i] = kept;
  }
  return gradient;
}

// The scalar whose gradient a backward pass computes: the outputs weighted with the upstream gradient.
inline double weighed(const std::vector<double>& outputs, const std::vector<double>& upstream) {
  double sum = 0;
  for (size_t i = 0; i < outputs.size(); ++i) sum += outputs[i] * upstream[i];
  return sum;
}

// Verifies a gradient's formulas in float64: compares `analytic` with finite differences of f around x.
template <class Function>
void check_gradient(const std::string& what, const std::vector<double>& analytic, const std::vector<double>& x,
                    Function f) {
  CAPTURE(what);
  const std::vector<double> numeric = numeric_gradient(x, f);
  CHECK(worst_error(analytic, numeric) <= 1e-7 * (1 + largest(numeric)));
}

}  // namespace cheems::testing
