// Products with packed weights. A tile is what a few rows sum up for some outputs of a panel; its
// sums stay in registers while the inputs go by, so each weight is loaded and widened once a tile.

#include <algorithm>
#include <array>
#include <utility>

#include "model/kernels.hpp"

// Vectors of a length that only the processor knows cannot be kept in structures. SSSE3 alone is
// too old to be worth its code.
#ifdef CECOLLM_SANITIZED
// Instrumented, a target takes half a minute to compile: the oldest and one of this decade.
#define HWY_DISABLED_TARGETS                                                          \
  (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | \
   HWY_SVE2_128 | HWY_RVV)
#else
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#endif
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "model/kernels_product.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace cecollm::model::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using FloatVector = hn::Vec<Floats>;
constexpr std::int64_t lanes = static_cast<std::int64_t>(hn::MaxLanes(Floats()));
constexpr std::int64_t half_panel = panel_outputs / 2;
constexpr int pairs_of_panel = static_cast<int>(half_panel / lanes);
static_assert(pairs_of_panel >= 1);

// AVX-512 and 64-bit Arm have 32 vector registers, the others 16. A tile of pairs takes two for
// each row, two for the weights and one for a value of x.
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON
constexpr int most_tile_rows = 12;
#else
constexpr int most_tile_rows = 6;
#endif
// A tile of few rows takes a whole line of weights at once, to read memory in its order.
constexpr int wide_tile_rows = 2;
constexpr int wide_pairs = std::min(2, pairs_of_panel);

// Inputs at a time where rows are many, so that a panel's weights and the rows' values stay in the
// first-level cache; a multiple of group_inputs. Few rows read each panel from end to end.
constexpr std::int64_t block_inputs = 512;
constexpr std::int64_t streaming_rows = 4;
// How far ahead of their use weights are fetched: a panel's next lines, or the next panel's.
constexpr std::int64_t prefetch_bytes = 2048;

/// Outputs i .. i + lanes and i + 16 .. i + 16 + lanes.
struct Pair {
  FloatVector low, high;
};

// Arrays of vectors that never leave the registers: the compiler need not unroll a loop for that.
template <int Count, class Value>
struct Repeated {
  Value first;
  Repeated<Count - 1, Value> rest;
};
template <class Value>
struct Repeated<0, Value> {};

template <int Pairs>
using PairList = Repeated<Pairs, Pair>;
template <int Rows, int Pairs>
using Tile = Repeated<Rows, PairList<Pairs>>;

HWY_INLINE void clear(Pair& pair) {
  pair.low = hn::Zero(Floats());
  pair.high = hn::Zero(Floats());
}
template <class Value>
HWY_INLINE void clear(Repeated<0, Value>& /*none*/) {}
template <int Count, class Value>
HWY_INLINE void clear(Repeated<Count, Value>& values) {
  clear(values.first);
  clear(values.rest);
}

HWY_INLINE void add(const Pair& value, Pair& sum) {
  sum.low = hn::Add(sum.low, value.low);
  sum.high = hn::Add(sum.high, value.high);
}
template <class Value>
HWY_INLINE void add(const Repeated<0, Value>& /*none*/, Repeated<0, Value>& /*sums*/) {}
template <int Count, class Value>
HWY_INLINE void add(const Repeated<Count, Value>& values, Repeated<Count, Value>& sums) {
  add(values.first, sums.first);
  add(values.rest, sums.rest);
}

struct Fp32 {
  static constexpr WeightFormat format = WeightFormat::fp32;
  static constexpr std::int64_t scaled_inputs = 0;  // no scales
  static HWY_INLINE Pair load(const std::byte* weights, std::int64_t output) {
    const auto* values = reinterpret_cast<const float*>(weights);
    return {hn::Load(Floats(), values + output), hn::Load(Floats(), values + half_panel + output)};
  }
};

struct Bf16 {
  static constexpr WeightFormat format = WeightFormat::bf16;
  static constexpr std::int64_t scaled_inputs = 0;
  static HWY_INLINE Pair load(const std::byte* weights, std::int64_t output) {
    const hn::RebindToUnsigned<Floats> words;
    const auto both = hn::Load(words, reinterpret_cast<const std::uint32_t*>(weights) + output);
    const auto high = hn::And(both, hn::Set(words, 0xFFFF0000U));
    return {hn::BitCast(Floats(), hn::ShiftLeft<16>(both)), hn::BitCast(Floats(), high)};
  }
};

struct Int8 {
  static constexpr WeightFormat format = WeightFormat::int8;
  static constexpr std::int64_t scaled_inputs = group_inputs;
  static HWY_INLINE FloatVector widen(const std::int8_t* values) {
    const hn::Rebind<std::int32_t, Floats> integers;
    const hn::Rebind<std::int8_t, Floats> bytes;
    return hn::ConvertTo(Floats(), hn::PromoteTo(integers, hn::Load(bytes, values)));
  }
  static HWY_INLINE Pair load(const std::byte* weights, std::int64_t output) {
    const auto* values = reinterpret_cast<const std::int8_t*>(weights);
    return {widen(values + output), widen(values + half_panel + output)};
  }
};

template <class Format>
HWY_INLINE void load(const std::byte* /*weights*/, std::int64_t /*output*/, PairList<0>& /*none*/) {
}
template <class Format, int Pairs>
HWY_INLINE void load(const std::byte* weights, std::int64_t output, PairList<Pairs>& pairs) {
  pairs.first = Format::load(weights, output);
  load<Format>(weights, output + lanes, pairs.rest);
}

HWY_INLINE void scale(const PairList<0>& /*scales*/, PairList<0>& /*none*/) {}
template <int Pairs>
HWY_INLINE void scale(const PairList<Pairs>& scales, PairList<Pairs>& weights) {
  weights.first.low = hn::Mul(weights.first.low, scales.first.low);
  weights.first.high = hn::Mul(weights.first.high, scales.first.high);
  scale(scales.rest, weights.rest);
}

/// In the place of scales where there are none.
struct Unscaled {};
template <int Pairs>
HWY_INLINE void scale(const Unscaled& /*none*/, PairList<Pairs>& /*weights*/) {}

template <int Pairs>
HWY_INLINE void add_scaled(const Tile<0, Pairs>& /*none*/, const PairList<Pairs>& /*scales*/,
                           Tile<0, Pairs>& /*sums*/) {}
HWY_INLINE void add_scaled(const PairList<0>& /*none*/, const PairList<0>& /*scales*/,
                           PairList<0>& /*sums*/) {}
template <int Pairs>
HWY_INLINE void add_scaled(const PairList<Pairs>& part, const PairList<Pairs>& scales,
                           PairList<Pairs>& sums) {
  sums.first.low = hn::MulAdd(part.first.low, scales.first.low, sums.first.low);
  sums.first.high = hn::MulAdd(part.first.high, scales.first.high, sums.first.high);
  add_scaled(part.rest, scales.rest, sums.rest);
}
template <int Rows, int Pairs>
HWY_INLINE void add_scaled(const Tile<Rows, Pairs>& part, const PairList<Pairs>& scales,
                           Tile<Rows, Pairs>& sums) {
  add_scaled(part.first, scales, sums.first);
  add_scaled(part.rest, scales, sums.rest);
}

HWY_INLINE void multiply_add(FloatVector /*x*/, const PairList<0>& /*weights*/,
                             PairList<0>& /*sum*/) {}
template <int Pairs>
HWY_INLINE void multiply_add(FloatVector x, const PairList<Pairs>& weights, PairList<Pairs>& sum) {
  sum.first.low = hn::MulAdd(x, weights.first.low, sum.first.low);
  sum.first.high = hn::MulAdd(x, weights.first.high, sum.first.high);
  multiply_add(x, weights.rest, sum.rest);
}

template <int Pairs>
HWY_INLINE void multiply_add(const float* /*x*/, std::int64_t /*stride*/,
                             const PairList<Pairs>& /*weights*/, Tile<0, Pairs>& /*none*/) {}
template <int Rows, int Pairs>
HWY_INLINE void multiply_add(const float* x, std::int64_t stride, const PairList<Pairs>& weights,
                             Tile<Rows, Pairs>& tile) {
  multiply_add(hn::Set(Floats(), *x), weights, tile.first);
  multiply_add(x + stride, stride, weights, tile.rest);
}

/// What one tile is made of: inputs begin .. end - 1 of one panel.
struct TileTask {
  const std::byte* panel;
  const float* x;  // the first row's value for input 0
  std::int64_t x_stride;
  std::int64_t begin;
  std::int64_t end;
  float* y;  // the first row's first output of the panel
  std::int64_t y_stride;
  bool add;
};

/// Consecutive inputs of a panel that have the same scales, if any.
struct Run {
  const std::byte* weights;
  const float* x;  // the first row's
  std::int64_t x_stride;
  std::int64_t count;
};

/// One input's share, into each of the parts in turn, for a sum's latency would otherwise be what
/// is waited for.
template <class Format, int Pairs, class Scales>
HWY_INLINE void add_inputs(const std::byte* /*weights*/, std::int64_t /*output*/,
                           const float* /*x*/, std::int64_t /*stride*/, const Scales& /*scales*/) {}
template <class Format, int Pairs, class Scales, class Part, class... Parts>
HWY_INLINE void add_inputs(const std::byte* weights, std::int64_t output, const float* x,
                           std::int64_t stride, const Scales& scales, Part& part,
                           Parts&... others) {
  PairList<Pairs> loaded;
  load<Format>(weights, output, loaded);
  scale(scales, loaded);
  multiply_add(x, stride, loaded, part);
  add_inputs<Format, Pairs>(weights + input_bytes(Format::format), output, x + 1, stride, scales,
                            others...);
}

template <class Format, bool Prefetched, int Pairs, class Scales, class Part, class... Parts>
HWY_INLINE void add_run(Run run, std::int64_t output, const Scales& scales, Part& part,
                        Parts&... others) {
  constexpr std::int64_t unroll = 1 + sizeof...(others);
  constexpr std::int64_t bytes = input_bytes(Format::format);
  std::int64_t input = 0;
  for (; input + unroll <= run.count; input += unroll) {
    if constexpr (Prefetched) {
      for (std::int64_t i = 0; i < unroll * bytes; i += 64) {
        hwy::Prefetch(run.weights + prefetch_bytes + i);
      }
    }
    add_inputs<Format, Pairs>(run.weights, output, run.x, run.x_stride, scales, part, others...);
    run.weights += unroll * bytes;
    run.x += unroll;
  }
  for (; input < run.count; ++input) {
    add_inputs<Format, Pairs>(run.weights, output, run.x, run.x_stride, scales, part);
    run.weights += bytes;
    ++run.x;
  }
}

/// Adds a run's products to the sums, with enough sums in flight for four cycles of two sums.
template <class Format, int Rows, int Pairs, class Scales>
HWY_INLINE void sum_run(const Run& run, std::int64_t output, const Scales& scales,
                        Tile<Rows, Pairs>& sums) {
  constexpr bool prefetched = Rows <= wide_tile_rows;
  if constexpr (Rows * Pairs >= 4) {
    add_run<Format, prefetched, Pairs>(run, output, scales, sums);
  } else if constexpr (Rows * Pairs >= 2) {
    Tile<Rows, Pairs> second;
    clear(second);
    add_run<Format, prefetched, Pairs>(run, output, scales, sums, second);
    add(second, sums);
  } else {
    Tile<Rows, Pairs> second;
    Tile<Rows, Pairs> third;
    Tile<Rows, Pairs> fourth;
    clear(second);
    clear(third);
    clear(fourth);
    add_run<Format, prefetched, Pairs>(run, output, scales, sums, second, third, fourth);
    add(second, sums);
    add(fourth, third);
    add(third, sums);
  }
}

HWY_INLINE void store(const PairList<0>& /*none*/, float* /*y*/, bool /*add*/) {}
template <int Pairs>
HWY_INLINE void store(const PairList<Pairs>& sums, float* y, bool add) {
  const Floats d;
  auto low = sums.first.low;
  auto high = sums.first.high;
  if (add) {
    low = hn::Add(low, hn::LoadU(d, y));
    high = hn::Add(high, hn::LoadU(d, y + half_panel));
  }
  hn::StoreU(low, d, y);
  hn::StoreU(high, d, y + half_panel);
  store(sums.rest, y + lanes, add);
}
template <int Pairs>
HWY_INLINE void store(const Tile<0, Pairs>& /*none*/, float* /*y*/, std::int64_t /*stride*/,
                      bool /*add*/) {}
template <int Rows, int Pairs>
HWY_INLINE void store(const Tile<Rows, Pairs>& tile, float* y, std::int64_t stride, bool add) {
  store(tile.first, y, add);
  store(tile.rest, y + stride, stride, add);
}

template <class Format, int Rows, int Pairs>
HWY_INLINE void sum_strip(const TileTask& task, std::int64_t output) {
  Tile<Rows, Pairs> sums;
  clear(sums);
  std::int64_t input = task.begin;
  while (input < task.end) {
    Run run{task.panel + input_offset(Format::format, input), task.x + input, task.x_stride,
            task.end - input};
    if constexpr (Format::scaled_inputs == 0) {
      sum_run<Format>(run, output, Unscaled(), sums);
    } else {
      PairList<Pairs> scales;
      load<Fp32>(run.weights, output, scales);
      run.weights += scale_bytes;
      run.count = std::min(run.count, Format::scaled_inputs);
      if constexpr (Rows <= wide_tile_rows) {
        // A group's sums are fewer than its weights.
        Tile<Rows, Pairs> part;
        clear(part);
        sum_run<Format>(run, output, Unscaled(), part);
        add_scaled(part, scales, sums);
      } else {
        sum_run<Format>(run, output, scales, sums);
      }
    }
    input += run.count;
  }
  store(sums, task.y + output, task.y_stride, task.add);
}

template <class Format, int Rows>
void sum_tile(const TileTask& task) {
  constexpr int pairs = Rows <= wide_tile_rows ? wide_pairs : 1;
  for (std::int64_t output = 0; output < half_panel; output += pairs * lanes) {
    sum_strip<Format, Rows, pairs>(task, output);
  }
}

using TileFunction = void (*)(const TileTask&);

template <class Format, int... Rows>
constexpr std::array<TileFunction, sizeof...(Rows)> tile_functions(
    std::integer_sequence<int, Rows...> /*zero_based*/) {
  return {&sum_tile<Format, Rows + 1>...};
}

/// The last panel's sums go through a full-width buffer, for it may have fewer outputs.
void run_partial(TileFunction function, TileTask task, std::int64_t rows, std::int64_t outputs) {
  alignas(64) float sums[most_tile_rows * panel_outputs];
  float* y = task.y;
  const bool add = task.add;
  const std::int64_t stride = task.y_stride;
  task.y = sums;
  task.y_stride = panel_outputs;
  task.add = false;
  function(task);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t output = 0; output < outputs; ++output) {
      float& value = y[row * stride + output];
      value = sums[row * panel_outputs + output] + (add ? value : 0.0F);
    }
  }
}

template <class Format>
void multiply(const PanelProduct& product) {
  static constexpr auto functions =
      tile_functions<Format>(std::make_integer_sequence<int, most_tile_rows>());
  const std::int64_t stride = panel_bytes(Format::format, product.inputs);
  const std::int64_t block = product.rows <= streaming_rows ? product.inputs : block_inputs;
  const std::int64_t tiles = (product.rows + most_tile_rows - 1) / most_tile_rows;
  for (std::int64_t begin = 0; begin < product.inputs; begin += block) {
    for (std::int64_t panel = 0; panel < product.panel_count; ++panel) {
      const std::int64_t first = panel * panel_outputs;
      const std::int64_t outputs = std::min(panel_outputs, product.outputs - first);
      for (std::int64_t tile = 0; tile < tiles; ++tile) {
        // Tiles of nearly equal size: a tile of one row costs almost as much as one of four.
        const std::int64_t row = product.rows * tile / tiles;
        const std::int64_t rows = product.rows * (tile + 1) / tiles - row;
        const TileTask task{product.panels + panel * stride,
                            product.x + row * product.x_stride,
                            product.x_stride,
                            begin,
                            std::min(begin + block, product.inputs),
                            product.y + row * product.y_stride + first,
                            product.y_stride,
                            product.add || begin > 0};
        const auto function = functions[static_cast<std::size_t>(rows - 1)];
        if (outputs == panel_outputs) {
          function(task);
        } else {
          run_partial(function, task, rows, outputs);
        }
      }
    }
  }
}

void multiply_fp32(const PanelProduct& product) {
  multiply<Fp32>(product);
}
void multiply_bf16(const PanelProduct& product) {
  multiply<Bf16>(product);
}
void multiply_int8(const PanelProduct& product) {
  multiply<Int8>(product);
}

}  // namespace cecollm::model::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cecollm::model::kernels {

HWY_EXPORT(multiply_fp32);
HWY_EXPORT(multiply_bf16);
HWY_EXPORT(multiply_int8);

void multiply_panels(WeightFormat format, const PanelProduct& product) {
  switch (format) {
    case WeightFormat::fp32:
      return HWY_DYNAMIC_DISPATCH(multiply_fp32)(product);
    case WeightFormat::bf16:
      return HWY_DYNAMIC_DISPATCH(multiply_bf16)(product);
    case WeightFormat::int8:
      return HWY_DYNAMIC_DISPATCH(multiply_int8)(product);
  }
}

}  // namespace cecollm::model::kernels
#endif
