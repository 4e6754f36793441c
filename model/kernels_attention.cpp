// Softmax attention of one position's queries.

#include <algorithm>
#include <cmath>

#include "model/kernels.hpp"

// As in kernels_product.cpp.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels_attention.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/cache_control.h>
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace cecollm::model::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;
constexpr std::int64_t lanes = static_cast<std::int64_t>(hn::MaxLanes(Floats()));

// Positions whose values all heads and queries go through before the next ones come: of a small
// model's, a page of memory.
constexpr std::int64_t block_positions = 8;
// Keys and values are fetched so many positions ahead: those of many contexts lie far from each
// other and far from the processor.
constexpr std::int64_t positions_ahead = 12;

HWY_INLINE void prefetch(const AttentionGroup& group, const float* position, std::int64_t count) {
  constexpr std::int64_t line = 64 / sizeof(float);
  const std::int64_t width = group.kv_heads * group.head_dim;
  for (std::int64_t t = 0; t < count; ++t, position += group.stride) {
    for (std::int64_t i = 0; i < width; i += line) hwy::Prefetch(position + i);
  }
}

HWY_INLINE float dot(const float* a, const float* b, std::int64_t count) {
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

#if HWY_TARGET != HWY_SCALAR
/// Adds a vector's blocks of four lanes.
template <class D>
HWY_INLINE auto sum_blocks([[maybe_unused]] D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) <= 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return sum_blocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

/// out[i] = q · keys[i] * scale for four positions. Sums go across vectors once for all four: in
/// each block of four lanes, lane i ends with position i's share.
HWY_INLINE void four_dots(const float* q, const float* keys, std::int64_t stride,
                          std::int64_t head_dim, float scale, float* out) {
  const Floats d;
  const hn::Repartition<double, Floats> wide;
  auto a = hn::Zero(d);
  auto b = hn::Zero(d);
  auto c = hn::Zero(d);
  auto e = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + lanes <= head_dim; i += lanes) {
    const auto query = hn::LoadU(d, q + i);
    a = hn::MulAdd(query, hn::LoadU(d, keys + i), a);
    b = hn::MulAdd(query, hn::LoadU(d, keys + stride + i), b);
    c = hn::MulAdd(query, hn::LoadU(d, keys + 2 * stride + i), c);
    e = hn::MulAdd(query, hn::LoadU(d, keys + 3 * stride + i), e);
  }
  const auto ab = hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  const auto ce = hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e));
  const auto ab_pairs = hn::BitCast(wide, ab);
  const auto ce_pairs = hn::BitCast(wide, ce);
  const auto sums = hn::Add(hn::BitCast(d, hn::InterleaveLower(wide, ab_pairs, ce_pairs)),
                            hn::BitCast(d, hn::InterleaveUpper(wide, ab_pairs, ce_pairs)));
  const hn::CappedTag<float, 4> four;
  auto result = sum_blocks(d, sums);
  if (i < head_dim) {
    alignas(16) float rest[4] = {};
    for (std::int64_t t = 0; t < 4; ++t) {
      for (std::int64_t k = i; k < head_dim; ++k) rest[t] += q[k] * keys[t * stride + k];
    }
    result = hn::Add(result, hn::Load(four, rest));
  }
  hn::StoreU(hn::Mul(result, hn::Set(four, scale)), four, out);
}
#endif

void score(const AttentionGroup& group, const float* q, const float* keys, float* scores) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(group.head_dim));
  const std::int64_t all = group.kv_heads * group.queries;
  std::int64_t t = 0;
#if HWY_TARGET != HWY_SCALAR
  for (; t + 4 <= group.count; t += 4) {
    const float* block = keys + t * group.stride;
    prefetch(group, block + positions_ahead * group.stride, 4);
    for (std::int64_t i = 0; i < all; ++i) {
      four_dots(q + i * group.head_dim, block + i / group.queries * group.head_dim, group.stride,
                group.head_dim, scale, scores + i * group.count + t);
    }
  }
#endif
  for (; t < group.count; ++t) {
    const float* block = keys + t * group.stride;
    for (std::int64_t i = 0; i < all; ++i) {
      scores[i * group.count + t] =
          dot(q + i * group.head_dim, block + i / group.queries * group.head_dim, group.head_dim) *
          scale;
    }
  }
}

HWY_INLINE float largest_of(const float* values, std::int64_t count) {
  const Floats d;
  auto largest = hn::Set(d, -HUGE_VALF);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) largest = hn::Max(largest, hn::LoadU(d, values + i));
  float result = hn::GetLane(hn::MaxOfLanes(d, largest));
  for (; i < count; ++i) result = std::max(result, values[i]);
  return result;
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

/// out += sum over t of weights[t] * values[t * stride ..], for `Vectors` vectors.
template <int Vectors>
HWY_INLINE void add_weighted(const float* weights, const float* values, std::int64_t stride,
                             std::int64_t count, float* out) {
  const Floats d;
  FloatVector even[Vectors];
  FloatVector odd[Vectors];
  for (int v = 0; v < Vectors; ++v) {
    even[v] = hn::LoadU(d, out + v * lanes);
    odd[v] = hn::Zero(d);
  }
  std::int64_t t = 0;
  for (; t + 2 <= count; t += 2, values += 2 * stride) {
    const auto first = hn::Set(d, weights[t]);
    const auto second = hn::Set(d, weights[t + 1]);
    for (int v = 0; v < Vectors; ++v) {
      even[v] = hn::MulAdd(first, hn::LoadU(d, values + v * lanes), even[v]);
      odd[v] = hn::MulAdd(second, hn::LoadU(d, values + stride + v * lanes), odd[v]);
    }
  }
  if (t < count) {
    const auto last = hn::Set(d, weights[t]);
    for (int v = 0; v < Vectors; ++v) {
      even[v] = hn::MulAdd(last, hn::LoadU(d, values + v * lanes), even[v]);
    }
  }
  for (int v = 0; v < Vectors; ++v) hn::StoreU(hn::Add(even[v], odd[v]), d, out + v * lanes);
}

HWY_INLINE void add_weighted(const float* weights, const float* values, std::int64_t stride,
                             std::int64_t count, std::int64_t head_dim, float* out) {
  std::int64_t i = 0;
  for (; i + 4 * lanes <= head_dim; i += 4 * lanes) {
    add_weighted<4>(weights, values + i, stride, count, out + i);
  }
  for (; i + 2 * lanes <= head_dim; i += 2 * lanes) {
    add_weighted<2>(weights, values + i, stride, count, out + i);
  }
  for (; i + lanes <= head_dim; i += lanes) {
    add_weighted<1>(weights, values + i, stride, count, out + i);
  }
  for (; i < head_dim; ++i) {
    for (std::int64_t t = 0; t < count; ++t) out[i] += weights[t] * values[t * stride + i];
  }
}

void attend_group(const AttentionGroup& group, const float* q, const float* keys,
                  const float* values, float* scores, float* out) {
  const std::int64_t all = group.kv_heads * group.queries;
  score(group, q, keys, scores);
  prefetch(group, values, std::min(group.count, positions_ahead));
  for (std::int64_t i = 0; i < all; ++i) {
    float* weights = scores + i * group.count;
    const float sum = exponentiate(weights, group.count, largest_of(weights, group.count));
    const float inverse = 1.0F / sum;
    for (std::int64_t t = 0; t < group.count; ++t) weights[t] *= inverse;
  }
  std::fill_n(out, all * group.head_dim, 0.0F);
  for (std::int64_t t = 0; t < group.count; t += block_positions) {
    const std::int64_t count = std::min(block_positions, group.count - t);
    const float* block = values + t * group.stride;
    prefetch(group, block + positions_ahead * group.stride, block_positions);
    for (std::int64_t i = 0; i < all; ++i) {
      add_weighted(scores + i * group.count + t, block + i / group.queries * group.head_dim,
                   group.stride, count, group.head_dim, out + i * group.head_dim);
    }
  }
}

}  // namespace cecollm::model::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cecollm::model::kernels {

HWY_EXPORT(attend_group);

void attend(const AttentionGroup& group, const float* q, const float* keys, const float* values,
            float* scores, float* out) {
  HWY_DYNAMIC_DISPATCH(attend_group)(group, q, keys, values, scores, out);
}

}  // namespace cecollm::model::kernels
#endif
