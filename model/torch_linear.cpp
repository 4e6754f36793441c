#include "model/torch_linear.hpp"

#include <ATen/ATen.h>

namespace cecollm::model {
namespace {

// Up to this many rows, one matrix-vector product a row reads the weights faster than one matrix
// product, which repacks them first (measured with OpenBLAS 0.3.21 at d = 256). Below fp32
// libtorch's own matrix-vector product rounds every partial sum, so there the matrix product is
// used.
constexpr std::int64_t max_vector_rows = 4;

bool use_vector_products(const at::Tensor& x) {
  return x.size(0) <= max_vector_rows && x.scalar_type() == at::kFloat && x.is_cpu();
}

}  // namespace

at::Tensor project(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!use_vector_products(x)) return at::linear(x, weight, bias);
  auto result = at::empty({x.size(0), weight.size(0)}, x.options());
  for (std::int64_t i = 0; i < x.size(0); ++i) {
    auto row = result.select(0, i);
    at::mv_out(row, weight, x.select(0, i));
  }
  if (bias.defined()) result.add_(bias);
  return result;
}

void add_projection(at::Tensor& sum, const at::Tensor& x, const at::Tensor& weight,
                    const at::Tensor& bias) {
  if (use_vector_products(x)) {
    for (std::int64_t i = 0; i < x.size(0); ++i) {
      auto row = sum.select(0, i);
      row.addmv_(weight, x.select(0, i));
    }
  } else {
    sum.addmm_(x, weight.t());
  }
  if (bias.defined()) sum.add_(bias);
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  const auto wide = x.to(at::kFloat);
  const auto scale = wide.square().mean(-1, /*keepdim=*/true).add_(eps).rsqrt_();
  return wide.mul(scale).to(x.scalar_type()).mul_(weight);
}

}  // namespace cecollm::model
