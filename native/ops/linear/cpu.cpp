#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/linear/cpu.cpp"
#include "hwy/foreach_target.h"

#include <algorithm>

#include "backends/cpu/kernels.h"
#include "backends/cpu/matrix_product.h"
#include "backends/cpu/simd-inl.h"
#include "ops/linear/linear.h"

HWY_BEFORE_NAMESPACE();
namespace cheems::cpu::HWY_NAMESPACE {
namespace {

// Adds `bias` to each row of y in place: only where a residual is the products' addend already.
void add_bias(const Tensor& y, const float* bias, Context& context) {
  constexpr int64_t kRowsPerTask = 32;
  context.pool.parallel_for((y.rows + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    for (int64_t row = task * kRowsPerTask; row < std::min(y.rows, (task + 1) * kRowsPerTask); ++row)
      add_scaled(1.0f, bias, floats(y) + row * y.stride, y.columns);
  });
}

void bias_backward(const LinearBackwardWeight& a, Context& context) {
  const int64_t columns = a.dy.columns, chunks = (a.dy.rows + kRowsPerPartialSum - 1) / kRowsPerPartialSum;
  float* partials = reinterpret_cast<float*>(context.workspace);
  context.pool.parallel_for(chunks, [&](int64_t chunk, int) {
    float* partial = partials + chunk * columns;
    memset(partial, 0, static_cast<size_t>(columns) * sizeof(float));
    for (int64_t row = chunk * kRowsPerPartialSum; row < std::min(a.dy.rows, (chunk + 1) * kRowsPerPartialSum); ++row)
      add_scaled(1.0f, floats(a.dy) + row * a.dy.stride, partial, columns);
  });
  add_partial_sums(partials, chunks, columns, floats(a.d_bias), context.pool);
}

}  // namespace
}  // namespace cheems::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cheems::cpu {
HWY_EXPORT(add_bias);
HWY_EXPORT(bias_backward);

template <class Linear>
static DType precision_of(const Linear& a, const Context& context) {
  return a.exact ? DType::float32 : context.precision;
}

void linear_forward(const LinearForward& a, Context& context) {
  MatrixProduct product{a.y.rows,      a.y.columns,    a.x.columns,     floats(a.x), a.x.stride,  false,
                        a.weight.data, a.weight.dtype, a.weight.stride, true,        floats(a.y), a.y.stride};
  product.arithmetic = precision_of(a, context);
  if (a.residual && a.residual.data == a.y.data) product.accumulate = true;
  else if (a.residual) product.addend = floats(a.residual), product.addend_stride = a.residual.stride;
  else if (a.bias) product.addend = floats(a.bias);
  matrix_product(product, context.pool, context.workspace);
  if (a.residual && a.bias) HWY_DYNAMIC_DISPATCH(add_bias)(a.y, floats(a.bias), context);
}

void linear_backward_input(const LinearBackwardInput& a, Context& context) {
  MatrixProduct product{a.dx.rows,     a.dx.columns,   a.dy.columns,    floats(a.dy), a.dy.stride,  false,
                        a.weight.data, a.weight.dtype, a.weight.stride, false,        floats(a.dx), a.dx.stride};
  product.accumulate = a.accumulate;
  product.arithmetic = precision_of(a, context);
  matrix_product(product, context.pool, context.workspace);
}

void linear_backward_weight(const LinearBackwardWeight& a, Context& context) {
  if (a.d_weight) {
    MatrixProduct product{
        a.d_weight.rows, a.d_weight.columns, a.dy.rows,  floats(a.dy), a.dy.stride,        true,
        a.x.data,        a.x.dtype,          a.x.stride, false,        floats(a.d_weight), a.d_weight.stride};
    product.accumulate = true;
    product.arithmetic = precision_of(a, context);
    matrix_product(product, context.pool, context.workspace);
  }
  if (a.d_bias) HWY_DYNAMIC_DISPATCH(bias_backward)(a, context);
}

int64_t linear_forward_workspace(const WorkspaceRequest&, int threads) { return matrix_product_workspace(threads); }
int64_t linear_backward_input_workspace(const WorkspaceRequest&, int threads) {
  return matrix_product_workspace(threads);
}
int64_t linear_backward_weight_workspace(const WorkspaceRequest& request, int threads) {
  const int64_t bias = request.backward ? partial_sums_workspace(request.rows, request.widest_row) : 0;
  return std::max(matrix_product_workspace(threads), bias);
}
}  // namespace cheems::cpu
#endif
