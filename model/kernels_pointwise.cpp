// What happens to rows between products: norm, rotation, gating.

#include <cmath>

#include "model/kernels.hpp"

// As in kernels_product.cpp.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels_pointwise.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace cecollm::model::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
constexpr std::int64_t lanes = static_cast<std::int64_t>(hn::MaxLanes(Floats()));

HWY_INLINE float sum_of_squares(const float* x, std::int64_t count) {
  const Floats d;
  auto even = hn::Zero(d);
  auto odd = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    const auto first = hn::LoadU(d, x + i);
    const auto second = hn::LoadU(d, x + i + lanes);
    even = hn::MulAdd(first, first, even);
    odd = hn::MulAdd(second, second, odd);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd)));
  for (; i < count; ++i) sum += x[i] * x[i];
  return sum;
}

void rms_norm_rows(const float* x, std::int64_t x_stride, std::int64_t rows,
                   std::span<const float> weight, float eps, float* out, std::int64_t out_stride) {
  const Floats d;
  const auto size = static_cast<std::int64_t>(weight.size());
  for (std::int64_t row = 0; row < rows; ++row, x += x_stride, out += out_stride) {
    const float scale = 1.0F / std::sqrt(sum_of_squares(x, size) / static_cast<float>(size) + eps);
    const auto scales = hn::Set(d, scale);
    std::int64_t i = 0;
    for (; i + lanes <= size; i += lanes) {
      const auto normed = hn::Mul(hn::LoadU(d, x + i), scales);
      hn::StoreU(hn::Mul(normed, hn::LoadU(d, weight.data() + i)), d, out + i);
    }
    for (; i < size; ++i) out[i] = x[i] * scale * weight[static_cast<std::size_t>(i)];
  }
}

void rotate_heads(float* x, std::int64_t heads, std::span<const float> cosine,
                  std::span<const float> sine) {
  const Floats d;
  const auto half = static_cast<std::int64_t>(cosine.size() / 2);
  const float* cosines = cosine.data();
  const float* sines = sine.data();
  for (std::int64_t head = 0; head < heads; ++head, x += 2 * half) {
    std::int64_t i = 0;
    for (; i + lanes <= half; i += lanes) {
      const auto low = hn::LoadU(d, x + i);
      const auto high = hn::LoadU(d, x + half + i);
      hn::StoreU(hn::MulAdd(high, hn::LoadU(d, sines + i), hn::Mul(low, hn::LoadU(d, cosines + i))),
                 d, x + i);
      hn::StoreU(hn::MulAdd(low, hn::LoadU(d, sines + half + i),
                            hn::Mul(high, hn::LoadU(d, cosines + half + i))),
                 d, x + half + i);
    }
    for (; i < half; ++i) {
      const float low = x[i];
      const float high = x[half + i];
      x[i] = low * cosines[i] + high * sines[i];
      x[half + i] = high * cosines[half + i] + low * sines[half + i];
    }
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

}  // namespace cecollm::model::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cecollm::model::kernels {

HWY_EXPORT(rms_norm_rows);
HWY_EXPORT(rotate_heads);
HWY_EXPORT(silu_products);

void rms_norm(const float* x, std::int64_t x_stride, std::int64_t rows,
              std::span<const float> weight, float eps, float* out, std::int64_t out_stride) {
  HWY_DYNAMIC_DISPATCH(rms_norm_rows)(x, x_stride, rows, weight, eps, out, out_stride);
}

void rotate(float* x, std::int64_t heads, std::span<const float> cosine,
            std::span<const float> sine) {
  HWY_DYNAMIC_DISPATCH(rotate_heads)(x, heads, cosine, sine);
}

void silu_product(const float* gate, const float* up, std::int64_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(silu_products)(gate, up, count, out);
}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    names.emplace_back(hwy::TargetName(target));
  }
  return names;
}

bool use_instruction_set(std::string_view name) {
  hwy::SetSupportedTargetsForTest(0);
  std::int64_t wanted = 0;
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    if (name == hwy::TargetName(target)) wanted = target;
  }
  if (wanted == 0 && !name.empty()) return false;
  hwy::SetSupportedTargetsForTest(wanted);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return true;
}

}  // namespace cecollm::model::kernels
#endif
