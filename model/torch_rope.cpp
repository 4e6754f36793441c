#include "model/torch_rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include <ATen/ATen.h>

#include "model/torch_tensor.hpp"

namespace cecollm::model {
namespace {

/// Llama 3.x: long wavelengths are stretched by `factor`, short ones kept, those between blended.
/// Source: transformers, modeling_rope_utils.py, rope type "llama3".
double scaled(double frequency, const Llama3RopeScaling& scaling) {
  const double wavelength = 2.0 * std::numbers::pi / frequency;
  if (wavelength < scaling.original_max_positions / scaling.high_freq_factor) return frequency;
  if (wavelength > scaling.original_max_positions / scaling.low_freq_factor) {
    return frequency / scaling.factor;
  }
  const double blend = (scaling.original_max_positions / wavelength - scaling.low_freq_factor) /
                       (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1.0 - blend) * frequency / scaling.factor + blend * frequency;
}

}  // namespace

std::vector<float> rope_frequencies(const ModelConfig& config) {
  std::vector<float> result;
  for (int i = 0; i < config.head_dim; i += 2) {
    const double frequency = std::pow(config.rope_theta, -static_cast<double>(i) / config.head_dim);
    result.push_back(static_cast<float>(
        config.rope_scaling ? scaled(frequency, *config.rope_scaling) : frequency));
  }
  return result;
}

at::Tensor rotate(const at::Tensor& x, const RopeFactors& factors) {
  return at::addcmul(x * factors.cos, at::roll(x, x.size(-1) / 2, -1), factors.sin);
}

RopeTable::RopeTable(const ModelConfig& config, const at::TensorOptions& options)
    : options_(options),
      inverse_frequencies_(rope_frequencies(config)),
      max_positions_(config.max_positions) {}

RopeFactors RopeTable::range(std::int64_t first, std::int64_t count) {
  grow(first + count);
  return {cos_.narrow(0, first, count), sin_.narrow(0, first, count)};
}

RopeFactors RopeTable::rows(const at::Tensor& positions, std::int64_t largest) {
  grow(largest + 1);
  return {cos_.index_select(0, positions), sin_.index_select(0, positions)};
}

void RopeTable::grow(std::int64_t positions) {
  const std::int64_t capacity = cos_.defined() ? cos_.size(0) : 0;
  if (positions <= capacity) return;
  const std::int64_t wanted =
      std::max(positions, std::min(max_positions_, std::max<std::int64_t>(256, 2 * capacity)));
  const std::size_t half = inverse_frequencies_.size();
  std::vector<float> cos_values(static_cast<std::size_t>(wanted) * 2 * half);
  std::vector<float> sin_values(cos_values.size());
  for (std::int64_t position = 0; position < wanted; ++position) {
    const std::size_t row = static_cast<std::size_t>(position) * 2 * half;
    for (std::size_t i = 0; i < half; ++i) {
      // The angle is rounded to fp32, as in the models' reference implementation.
      const float angle = static_cast<float>(position) * inverse_frequencies_[i];
      const auto cosine = static_cast<float>(std::cos(static_cast<double>(angle)));
      const auto sine = static_cast<float>(std::sin(static_cast<double>(angle)));
      cos_values[row + i] = cos_values[row + half + i] = cosine;
      sin_values[row + i] = -sine;
      sin_values[row + half + i] = sine;
    }
  }
  const auto head_dim = static_cast<std::int64_t>(2 * half);
  cos_ = tensor_of_floats(cos_values, head_dim, options_).unsqueeze(1);
  sin_ = tensor_of_floats(sin_values, head_dim, options_).unsqueeze(1);
}

}  // namespace cecollm::model
