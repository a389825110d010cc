#include "ops/linear/linear.h"
#include "ops/work.h"

namespace cheems {

double linear_forward_work(const LinearForward& a) {
  return 2.0 * static_cast<double>(a.y.rows) * static_cast<double>(a.y.columns) * static_cast<double>(a.x.columns);
}

double linear_backward_input_work(const LinearBackwardInput& a) {
  return 2.0 * static_cast<double>(a.dx.rows) * static_cast<double>(a.dx.columns) * static_cast<double>(a.dy.columns);
}

double linear_backward_weight_work(const LinearBackwardWeight& a) {
  if (!a.d_weight) return 0;
  return 2.0 * static_cast<double>(a.x.rows) * static_cast<double>(a.x.columns) * static_cast<double>(a.dy.columns);
}

}  // namespace cheems
