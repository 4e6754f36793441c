#pragma once
// Products with weights and the norm, over rows of a packed batch. Internal to model/torch_*.

#include <ATen/core/Tensor.h>

namespace cecollm::model {

/// x [n, in] times weight [out, in] transposed, plus bias [out] where defined: [n, out].
at::Tensor project(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

/// Adds project(x, weight, bias) to `sum` [n, out].
void add_projection(at::Tensor& sum, const at::Tensor& x, const at::Tensor& weight,
                    const at::Tensor& bias);

/// RMSNorm over the last dimension, normalised in fp32 (as Hugging Face transformers).
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

}  // namespace cecollm::model
