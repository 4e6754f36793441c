#include "model/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "model/packed_matrix.hpp"

// Vectors of a length that only the processor knows cannot be kept in arrays.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace cecollm::model::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;
constexpr std::int64_t lanes = static_cast<std::int64_t>(hn::MaxLanes(Floats()));
constexpr std::int64_t panel_outputs = PackedMatrix::panel_outputs;

// A strip is what one row's sums of some outputs take: two vectors, or one where a panel has no
// more. Six rows of two vectors, the weights and one value of x just fit into 16 registers.
constexpr std::int64_t strip_vectors = std::min<std::int64_t>(2, panel_outputs / lanes);
constexpr std::int64_t tile_rows = 6;
// Inputs at a time, so that a panel's weights and the rows' values stay in the first-level cache.
constexpr std::int64_t block_inputs = 512;

HWY_INLINE FloatVector load_weights(const float* values) {
  return hn::Load(Floats(), values);
}
HWY_INLINE FloatVector load_weights(const std::uint16_t* values) {
  const hn::Rebind<hwy::bfloat16_t, Floats> narrow;
  return hn::PromoteTo(Floats(),
                       hn::Load(narrow, reinterpret_cast<const hwy::bfloat16_t*>(values)));
}

/// Sums of `Rows` rows over `count` inputs for the strip whose weights begin at `w`:
/// tile [Rows, panel_outputs]. With few rows, several inputs are summed beside each other, for a
/// sum's latency would otherwise be what is waited for.
template <std::int64_t Rows, class Weight>
HWY_INLINE void sum_strip(const Weight* HWY_RESTRICT w, const float* HWY_RESTRICT x,
                          std::int64_t x_stride, std::int64_t count, float* HWY_RESTRICT tile) {
  constexpr std::int64_t unroll = Rows == 1 ? 4 : Rows == 2 ? 2 : 1;
  const Floats d;
  FloatVector sums[unroll][Rows][strip_vectors];
  for (auto& part : sums) {
    for (auto& row : part) {
      for (auto& sum : row) sum = hn::Zero(d);
    }
  }
  const auto add_input = [&](std::int64_t k, auto& part) HWY_ATTR {
    FloatVector weights[strip_vectors];
    for (std::int64_t v = 0; v < strip_vectors; ++v) {
      weights[v] = load_weights(w + k * panel_outputs + v * lanes);
    }
    for (std::int64_t row = 0; row < Rows; ++row) {
      const auto value = hn::Set(d, x[row * x_stride + k]);
      for (std::int64_t v = 0; v < strip_vectors; ++v) {
        part[row][v] = hn::MulAdd(value, weights[v], part[row][v]);
      }
    }
  };
  std::int64_t k = 0;
  for (; k + unroll <= count; k += unroll) {
    for (std::int64_t u = 0; u < unroll; ++u) add_input(k + u, sums[u]);
  }
  for (; k < count; ++k) add_input(k, sums[0]);
  for (std::int64_t row = 0; row < Rows; ++row) {
    for (std::int64_t v = 0; v < strip_vectors; ++v) {
      auto sum = sums[0][row][v];
      for (std::int64_t u = 1; u < unroll; ++u) sum = hn::Add(sum, sums[u][row][v]);
      hn::StoreU(sum, d, tile + row * panel_outputs + v * lanes);
    }
  }
}

template <std::int64_t Rows, class Weight>
void sum_panel(const Weight* w, const float* x, std::int64_t x_stride, std::int64_t count,
               float* tile) {
  for (std::int64_t output = 0; output < panel_outputs; output += strip_vectors * lanes) {
    sum_strip<Rows>(w + output, x, x_stride, count, tile + output);
  }
}

template <class Weight>
void sum_panel(std::int64_t rows, const Weight* w, const float* x, std::int64_t x_stride,
               std::int64_t count, float* tile) {
  static_assert(tile_rows == 6);
  switch (rows) {
    case 1:
      return sum_panel<1>(w, x, x_stride, count, tile);
    case 2:
      return sum_panel<2>(w, x, x_stride, count, tile);
    case 3:
      return sum_panel<3>(w, x, x_stride, count, tile);
    case 4:
      return sum_panel<4>(w, x, x_stride, count, tile);
    case 5:
      return sum_panel<5>(w, x, x_stride, count, tile);
    default:
      return sum_panel<6>(w, x, x_stride, count, tile);
  }
}

template <class Weight>
void multiply_all(const PanelProduct& product, const Weight* panels) {
  alignas(64) float tile[tile_rows * panel_outputs];
  for (std::int64_t panel = product.begin_panel; panel < product.end_panel; ++panel) {
    const std::int64_t first = panel * panel_outputs;
    const std::int64_t outputs = std::min(panel_outputs, product.outputs - first);
    for (std::int64_t k = 0; k < product.inputs; k += block_inputs) {
      const std::int64_t count = std::min(block_inputs, product.inputs - k);
      const Weight* w = panels + (panel * product.inputs + k) * panel_outputs;
      const bool add = product.add || k > 0;
      for (std::int64_t row = 0; row < product.rows; row += tile_rows) {
        const std::int64_t rows = std::min(tile_rows, product.rows - row);
        sum_panel(rows, w, product.x + row * product.inputs + k, product.inputs, count, tile);
        for (std::int64_t i = 0; i < rows; ++i) {
          float* y = product.y + (row + i) * product.outputs + first;
          const float* sums = tile + i * panel_outputs;
          if (add) {
            for (std::int64_t output = 0; output < outputs; ++output) y[output] += sums[output];
          } else {
            std::copy_n(sums, outputs, y);
          }
        }
      }
    }
  }
}

void multiply_floats(const PanelProduct& product, const float* panels) {
  multiply_all(product, panels);
}

void multiply_bf16(const PanelProduct& product, const std::uint16_t* panels) {
  multiply_all(product, panels);
}

HWY_INLINE float dot(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, std::int64_t count) {
  const Floats d;
  auto sum = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    sum = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum);
  }
  float result = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < count; ++i) result += a[i] * b[i];
  return result;
}

void rms_norm_rows(const float* x, std::int64_t rows, std::span<const float> weight, float eps,
                   float* out) {
  const Floats d;
  const auto size = static_cast<std::int64_t>(weight.size());
  for (std::int64_t row = 0; row < rows; ++row, x += size, out += size) {
    const float scale = 1.0F / std::sqrt(dot(x, x, size) / static_cast<float>(size) + eps);
    const auto scales = hn::Set(d, scale);
    std::int64_t i = 0;
    for (; i + lanes <= size; i += lanes) {
      const auto normed = hn::Mul(hn::LoadU(d, x + i), scales);
      hn::StoreU(hn::Mul(normed, hn::LoadU(d, weight.data() + i)), d, out + i);
    }
    for (; i < size; ++i) out[i] = x[i] * scale * weight[static_cast<std::size_t>(i)];
  }
}

void silu_products(const float* gate, const float* up, std::int64_t count, float* out) {
  const Floats d;
  const auto one = hn::Set(d, 1.0F);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto g = hn::LoadU(d, gate + i);
    const auto sigmoid = hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(g))));
    hn::StoreU(hn::Mul(hn::Mul(g, sigmoid), hn::LoadU(d, up + i)), d, out + i);
  }
  for (; i < count; ++i) out[i] = gate[i] / (1.0F + std::exp(-gate[i])) * up[i];
}

/// Replaces values by exp(value - largest); their sum.
HWY_INLINE float exponentiate(float* values, std::int64_t count, float largest) {
  const Floats d;
  const auto shift = hn::Set(d, largest);
  auto sums = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto power = hn::Exp(d, hn::Sub(hn::LoadU(d, values + i), shift));
    hn::StoreU(power, d, values + i);
    sums = hn::Add(sums, power);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (; i < count; ++i) sum += values[i] = std::exp(values[i] - largest);
  return sum;
}

/// out = scale * sum over t of weights[t] * values[t * stride ..], head_dim values.
HWY_INLINE void add_weighted(const float* HWY_RESTRICT weights, const float* HWY_RESTRICT values,
                             std::int64_t stride, std::int64_t count, std::int64_t head_dim,
                             float scale, float* HWY_RESTRICT out) {
  const Floats d;
  std::int64_t i = 0;
  for (; i + lanes <= head_dim; i += lanes) {
    FloatVector sums[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
    std::int64_t t = 0;
    for (; t + 4 <= count; t += 4) {
      for (std::int64_t u = 0; u < 4; ++u) {
        sums[u] = hn::MulAdd(hn::Set(d, weights[t + u]),
                             hn::LoadU(d, values + (t + u) * stride + i), sums[u]);
      }
    }
    for (; t < count; ++t) {
      sums[0] = hn::MulAdd(hn::Set(d, weights[t]), hn::LoadU(d, values + t * stride + i), sums[0]);
    }
    const auto sum = hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
    hn::StoreU(hn::Mul(sum, hn::Set(d, scale)), d, out + i);
  }
  for (; i < head_dim; ++i) {
    float sum = 0.0F;
    for (std::int64_t t = 0; t < count; ++t) sum += weights[t] * values[t * stride + i];
    out[i] = sum * scale;
  }
}

void attend_query(const AttentionShape& shape, const float* q, const float* keys,
                  const float* values, std::int64_t count, float* scores, float* out) {
  const std::int64_t group = shape.heads / shape.kv_heads;
  const std::int64_t stride = shape.kv_heads * shape.head_dim;
  const float scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
  for (std::int64_t head = 0; head < shape.heads; ++head) {
    const std::int64_t offset = head / group * shape.head_dim;
    const float* query = q + head * shape.head_dim;
    float largest = -HUGE_VALF;
    for (std::int64_t t = 0; t < count; ++t) {
      scores[t] = dot(query, keys + t * stride + offset, shape.head_dim) * scale;
      largest = std::max(largest, scores[t]);
    }
    const float sum = exponentiate(scores, count, largest);
    add_weighted(scores, values + offset, stride, count, shape.head_dim, 1.0F / sum,
                 out + head * shape.head_dim);
  }
}

}  // namespace cecollm::model::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cecollm::model::kernels {

HWY_EXPORT(multiply_floats);
HWY_EXPORT(multiply_bf16);
HWY_EXPORT(rms_norm_rows);
HWY_EXPORT(silu_products);
HWY_EXPORT(attend_query);

void multiply_panels(const PanelProduct& product, const float* panels) {
  HWY_DYNAMIC_DISPATCH(multiply_floats)(product, panels);
}

void multiply_panels(const PanelProduct& product, const std::uint16_t* panels) {
  HWY_DYNAMIC_DISPATCH(multiply_bf16)(product, panels);
}

void rms_norm(const float* x, std::int64_t rows, std::span<const float> weight, float eps,
              float* out) {
  HWY_DYNAMIC_DISPATCH(rms_norm_rows)(x, rows, weight, eps, out);
}

void rotate(float* x, std::int64_t heads, std::span<const float> cosine,
            std::span<const float> sine) {
  const std::size_t half = cosine.size() / 2;
  for (std::int64_t head = 0; head < heads; ++head, x += cosine.size()) {
    for (std::size_t i = 0; i < half; ++i) {
      const float low = x[i];
      const float high = x[half + i];
      x[i] = low * cosine[i] + high * sine[i];
      x[half + i] = high * cosine[half + i] + low * sine[half + i];
    }
  }
}

void silu_product(const float* gate, const float* up, std::int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(silu_products)(gate, up, count, out);
}

void attend(const AttentionShape& shape, const float* q, const float* keys, const float* values,
            std::int64_t count, float* scores, float* out) {
  HWY_DYNAMIC_DISPATCH(attend_query)(shape, q, keys, values, count, scores, out);
}

}  // namespace cecollm::model::kernels
#endif
