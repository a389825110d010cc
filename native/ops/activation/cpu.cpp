#include <algorithm>
#include <cmath>

#include "backends/cpu/kernels.h"
#include "ops/activation/activation.h"

namespace cheems::cpu {
namespace {

float activated(float x, Activation activation) {
  switch (activation) {
    case Activation::relu:
      return x < 0 ? 0.0f : x;  // a NaN stays one
    case Activation::leaky_relu:
      return x < 0 ? kLeakyReluSlope * x : x;
    case Activation::selu:
      return static_cast<float>(kSeluScale *
                                (x < 0 ? kSeluAlpha * std::expm1(static_cast<double>(x)) : static_cast<double>(x)));
  }
  return x;
}

// f', computed from f(x); NaN if f(x) is.
float slope(float y, Activation activation) {
  switch (activation) {
    case Activation::relu:
      return y <= 0 ? 0.0f : 1.0f;
    case Activation::leaky_relu:
      return y <= 0 ? kLeakyReluSlope : 1.0f;
    case Activation::selu:
      return y <= 0 ? y + static_cast<float>(kSeluScale * kSeluAlpha) : static_cast<float>(kSeluScale);
  }
  return 1;
}

}  // namespace

void activation_forward(const ActivationForward& a, Context& context) {
  context.pool.parallel_for(a.y.rows, [&](int64_t row, int) {
    const float* x = floats(a.x) + row * a.x.stride;
    float* y = floats(a.y) + row * a.y.stride;
    std::transform(x, x + a.y.columns, y, [&](float value) { return activated(value, a.activation); });
  });
}

void activation_backward(const ActivationBackward& a, Context& context) {
  context.pool.parallel_for(a.dx.rows, [&](int64_t row, int) {
    const float *dy = floats(a.dy) + row * a.dy.stride, *y = floats(a.y) + row * a.y.stride;
    float* dx = floats(a.dx) + row * a.dx.stride;
    for (int64_t i = 0; i < a.dx.columns; ++i) dx[i] = dy[i] * slope(y[i], a.activation);
  });
}

}  // namespace cheems::cpu
