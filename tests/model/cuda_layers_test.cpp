// The CUDA kernels against the same mathematics in double on the host.

#include "model/cuda_layers.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

namespace cecollm::model::cuda {
namespace {

using Values = std::vector<double>;

bool has_device() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

std::uint16_t bf16_bits(double value) {
  const auto wide = static_cast<float>(value);
  std::uint32_t bits = 0;
  std::memcpy(&bits, &wide, sizeof bits);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + (bits >> 16U & 1U)) >> 16U);
}

double value_of(std::uint16_t bits) {
  const std::uint32_t wide = std::uint32_t{bits} << 16U;
  float value = 0;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

/// A bf16 array that host and device both have.
class Array {
 public:
  explicit Array(const Values& values) : values_(values) {
    std::vector<std::uint16_t> bits;
    for (auto& value : values_) {
      bits.push_back(bf16_bits(value));
      value = value_of(bits.back());
    }
    EXPECT_EQ(cudaMalloc(&device_, bits.size() * 2), cudaSuccess);
    EXPECT_EQ(cudaMemcpy(device_, bits.data(), bits.size() * 2, cudaMemcpyHostToDevice),
              cudaSuccess);
  }
  Array(Array&& other) noexcept
      : values_(std::move(other.values_)), device_(std::exchange(other.device_, nullptr)) {}
  Array& operator=(Array&&) = delete;
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { cudaFree(device_); }

  void* device() const { return device_; }
  const Values& host() const { return values_; }
  Values read() const {
    std::vector<std::uint16_t> bits(values_.size());
    EXPECT_EQ(cudaMemcpy(bits.data(), device_, bits.size() * 2, cudaMemcpyDeviceToHost),
              cudaSuccess);
    Values result;
    for (const auto one : bits) result.push_back(value_of(one));
    return result;
  }

 private:
  Values values_;
  void* device_ = nullptr;
};

Values normal(std::size_t count, double mean, double deviation, std::mt19937& random) {
  std::normal_distribution<double> draw(mean, deviation);
  Values values(count);
  for (auto& value : values) value = draw(random);
  return values;
}

struct Layer {
  Array input_norm, qkv, output, post_attention_norm, gate_up, down;
  int window;
};

Layer random_layer(const LayerShape& s, int window, std::mt19937& random) {
  const auto matrix = [&](int outputs, int inputs) {
    return Array(
        normal(static_cast<std::size_t>(outputs) * inputs, 0, 1 / std::sqrt(inputs), random));
  };
  const auto norm = [&] {
    return Array(normal(static_cast<std::size_t>(s.hidden), 1, 0.1, random));
  };
  return {norm(),
          matrix(s.query_values() + 2 * s.key_values(), s.hidden),
          matrix(s.hidden, s.query_values()),
          norm(),
          matrix(2 * s.ffn, s.hidden),
          matrix(s.hidden, s.ffn),
          window};
}

Values multiply(const Array& weight, const Values& x) {
  const std::size_t inputs = x.size();
  Values y(weight.host().size() / inputs);
  for (std::size_t i = 0; i < y.size(); ++i) {
    for (std::size_t j = 0; j < inputs; ++j) y[i] += weight.host()[i * inputs + j] * x[j];
  }
  return y;
}

Values normed(const Values& x, const Array& weight, double eps) {
  double squares = 0;
  for (const double value : x) squares += value * value;
  const double scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) + eps);
  Values y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] * scale * weight.host()[i];
  return y;
}

/// Keys and values of every layer and position, as the reference computes them.
struct ReferenceCache {
  std::map<std::pair<std::size_t, int>, Values> keys, values;
};

class Reference {
 public:
  Reference(const LayerShape& shape, const std::vector<Layer>& layers,
            const std::vector<float>& frequencies)
      : shape_(shape), layers_(layers), frequencies_(frequencies) {}

  Values run(Values state, ReferenceCache& cache, int position) const {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const auto& layer = layers_[i];
      auto qkv = multiply(layer.qkv, normed(state, layer.input_norm, shape_.eps));
      for (int head = 0; head < shape_.heads + shape_.kv_heads; ++head) {
        rotate(&qkv[static_cast<std::size_t>(head * shape_.head_dim)], position);
      }
      const auto keys = qkv.begin() + shape_.query_values();
      cache.keys[{i, position}] = Values(keys, keys + shape_.key_values());
      cache.values[{i, position}] = Values(keys + shape_.key_values(), qkv.end());
      add(state, multiply(layer.output, attention(i, qkv, cache, position)));
      const auto both =
          multiply(layer.gate_up, normed(state, layer.post_attention_norm, shape_.eps));
      Values gated(static_cast<std::size_t>(shape_.ffn));
      for (std::size_t j = 0; j < gated.size(); ++j) {
        gated[j] = both[j] / (1 + std::exp(-both[j])) * both[j + gated.size()];
      }
      add(state, multiply(layer.down, gated));
    }
    return state;
  }

 private:
  static void add(Values& sum, const Values& more) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += more[i];
  }
  void rotate(double* head, int position) const {
    const int half = shape_.head_dim / 2;
    for (int i = 0; i < half; ++i) {
      const double angle =
          position * static_cast<double>(frequencies_[static_cast<std::size_t>(i)]);
      const double a = head[i];
      const double b = head[i + half];
      head[i] = a * std::cos(angle) - b * std::sin(angle);
      head[i + half] = b * std::cos(angle) + a * std::sin(angle);
    }
  }
  Values attention(std::size_t layer, const Values& q, const ReferenceCache& cache,
                   int position) const {
    const int d = shape_.head_dim;
    const int window = layers_[layer].window;
    const int begin = window > 0 ? std::max(0, position + 1 - window) : 0;
    Values out(static_cast<std::size_t>(shape_.query_values()));
    for (int head = 0; head < shape_.heads; ++head) {
      const int kv = head / (shape_.heads / shape_.kv_heads);
      double total = 0;
      for (int p = begin; p <= position; ++p) {
        const auto& key = cache.keys.at({layer, p});
        const auto& value = cache.values.at({layer, p});
        double dot = 0;
        for (int i = 0; i < d; ++i) {
          dot +=
              q[static_cast<std::size_t>(head * d + i)] * key[static_cast<std::size_t>(kv * d + i)];
        }
        const double weight = std::exp(dot / std::sqrt(d));
        total += weight;
        for (int i = 0; i < d; ++i) {
          out[static_cast<std::size_t>(head * d + i)] +=
              weight * value[static_cast<std::size_t>(kv * d + i)];
        }
      }
      for (int i = 0; i < d; ++i) out[static_cast<std::size_t>(head * d + i)] /= total;
    }
    return out;
  }

  const LayerShape& shape_;
  const std::vector<Layer>& layers_;
  const std::vector<float>& frequencies_;
};

double relative_error(const Values& got, const Values& expected) {
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    difference += (got[i] - expected[i]) * (got[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  return std::sqrt(difference / size);
}

/// Layers, the two ways to run them, and sessions with a cache on each side.
class Bed {
 public:
  Bed(const LayerShape& shape, std::vector<int> windows, int capacity = 64)
      : shape_(shape), capacity_(capacity) {
    for (const int window : windows) layers_.push_back(random_layer(shape, window, random_));
    for (int i = 0; i < shape.head_dim; i += 2) {
      frequencies_.push_back(
          static_cast<float>(std::pow(10000.0, -static_cast<double>(i) / shape.head_dim)));
    }
    std::vector<LayerPointers> pointers;
    for (const auto& layer : layers_) {
      pointers.push_back({layer.input_norm.device(), layer.qkv.device(), layer.output.device(),
                          layer.post_attention_norm.device(), layer.gate_up.device(),
                          layer.down.device(), layer.window});
    }
    Problem problem;
    workspace_ = make_workspace(shape, 64, problem);
    EXPECT_EQ(problem, "");
    stack_ = make_layer_stack(workspace_, pointers, frequencies_, problem);
    EXPECT_EQ(problem, "");
  }

  Workspace& workspace() { return *workspace_; }

  /// Appends rows[i] positions to session i, all in one pass: the largest error of a row.
  double append(const std::vector<int>& rows) {
    Values input;
    Values expected;
    Pass pass{};
    const Reference reference(shape_, layers_, frequencies_);
    for (std::size_t s = 0; s < rows.size(); ++s) {
      auto& session = session_at(s);
      for (int i = 0; i < rows[s]; ++i) {
        auto row = normal(static_cast<std::size_t>(shape_.hidden), 0, 1, random_);
        for (auto& value : row) value = value_of(bf16_bits(value));
        input.insert(input.end(), row.begin(), row.end());
        const auto out = reference.run(row, session.reference, session.length);
        expected.insert(expected.end(), out.begin(), out.end());
        pass.places[pass.rows++] = {session.cache.device(), capacity_, session.length++};
      }
    }
    const Array in(input);
    const Array out(Values(input.size(), std::numeric_limits<double>::quiet_NaN()));
    pass.input = in.device();
    pass.output = out.device();
    EXPECT_EQ(stack_->run(pass, nullptr), "");
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    const auto got = out.read();
    double worst = 0;
    const auto d = static_cast<std::size_t>(shape_.hidden);
    for (std::size_t i = 0; i < got.size(); i += d) {
      const auto row = [&](const Values& all) {
        return Values(all.begin() + static_cast<std::ptrdiff_t>(i),
                      all.begin() + static_cast<std::ptrdiff_t>(i + d));
      };
      const double error = relative_error(row(got), row(expected));
      worst = std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(worst, error);
    }
    return worst;
  }

 private:
  struct Session {
    Array cache;
    ReferenceCache reference;
    int length = 0;
  };
  Session& session_at(std::size_t index) {
    while (sessions_.size() <= index) {
      const auto values = 2 * layers_.size() * static_cast<std::size_t>(capacity_) *
                          static_cast<std::size_t>(shape_.key_values());
      // Whatever is read beyond what was written shows.
      sessions_.push_back({Array(Values(values, std::numeric_limits<double>::quiet_NaN())), {}, 0});
    }
    return sessions_[index];
  }

  LayerShape shape_;
  int capacity_;
  std::mt19937 random_{7};
  std::vector<Layer> layers_;
  std::vector<float> frequencies_;
  std::shared_ptr<Workspace> workspace_;
  std::unique_ptr<LayerStack> stack_;
  std::vector<Session> sessions_;
};

constexpr LayerShape grouped{256, 704, 8, 4, 32, 1e-5F};
/// What bf16 activations between kernels cost; an error of the mathematics is far larger.
constexpr double tolerance = 0.015;

class CudaLayers : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_device()) GTEST_SKIP() << "no CUDA device here";
  }
};

TEST_F(CudaLayers, ComputeOneRowAfterAnother) {
  Bed bed(grouped, {0, 0, 0});
  for (int i = 0; i < 20; ++i) EXPECT_LT(bed.append({1}), tolerance) << "position " << i;
}

TEST_F(CudaLayers, ComputeEveryWidthOfHeads) {
  for (const LayerShape& shape :
       {LayerShape{128, 96, 2, 2, 64, 1e-5F}, LayerShape{256, 160, 2, 1, 128, 1e-6F},
        LayerShape{64, 64, 2, 1, 32, 1e-5F}}) {
    ASSERT_TRUE(supports(shape));
    Bed bed(shape, {0, 0});
    EXPECT_LT(bed.append({5, 1, 2}), tolerance) << shape.head_dim;
    EXPECT_LT(bed.append({1, 1, 1}), tolerance) << shape.head_dim;
    EXPECT_LT(bed.append({7, 9, 20}), tolerance) << shape.head_dim;
    EXPECT_LT(bed.append({1, 1, 1}), tolerance) << shape.head_dim;
  }
}

TEST_F(CudaLayers, ComputeEveryNumberOfRowsAcrossTheWaysToRunThem) {
  Bed bed(grouped, {0, 0}, 240);
  for (const int rows : {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64}) {
    EXPECT_LT(bed.append({rows, 1}), tolerance) << rows;
    EXPECT_LT(bed.append({1}), tolerance) << rows;
  }
}

TEST_F(CudaLayers, ComputeManySessionsAtOnce) {
  Bed bed(grouped, {0, 0});
  for (const std::size_t sessions : {3U, 8U, 13U, 40U, 128U}) {
    EXPECT_LT(bed.append(std::vector<int>(sessions, 1)), tolerance) << sessions;
  }
}

TEST_F(CudaLayers, SeeNoFurtherBackThanTheirWindow) {
  Bed bed(grouped, {4, 0, 3});
  EXPECT_LT(bed.append({6}), tolerance);
  for (int i = 0; i < 8; ++i) EXPECT_LT(bed.append({1}), tolerance);
  EXPECT_LT(bed.append({20}), tolerance);
}

TEST_F(CudaLayers, GiveTheSameTwice) {
  // Sums have a fixed order: nothing may depend on which block came first.
  const auto run = [](int rows) {
    Bed bed(grouped, {0, 0});
    return bed.append({rows});
  };
  for (const int rows : {1, 12, 50}) EXPECT_EQ(run(rows), run(rows)) << rows;
}

class CudaHeads : public CudaLayers {
 protected:
  void compare(int count, int vocab) {
    std::mt19937 random(3);
    Problem problem;
    const auto workspace = make_workspace(grouped, vocab, problem);
    ASSERT_EQ(problem, "");
    const Array norm(normal(256, 1, 0.1, random));
    const Array lm_head(normal(static_cast<std::size_t>(vocab) * 256, 0, 3.0 / 16, random));
    const Array rows(normal(static_cast<std::size_t>(count) * 256, 0, 1, random));
    std::vector<GreedyReading> readings(static_cast<std::size_t>(count));
    ASSERT_EQ(read_head(*workspace, {norm.device(), lm_head.device()}, rows.device(), count,
                        readings.data(), nullptr),
              "");
    for (int i = 0; i < count; ++i) {
      const auto begin = rows.host().begin() + i * 256;
      const auto logits = multiply(lm_head, normed(Values(begin, begin + 256), norm, grouped.eps));
      const double largest = *std::max_element(logits.begin(), logits.end());
      double sum = 0;
      for (const double logit : logits) sum += std::exp(logit - largest);
      const auto& reading = readings[static_cast<std::size_t>(i)];
      EXPECT_EQ(reading.finite, 1);
      ASSERT_LT(reading.token, vocab);
      EXPECT_NEAR(logits[static_cast<std::size_t>(reading.token)], largest, 0.05) << i;
      EXPECT_NEAR(reading.sum / sum, 1.0, 0.05) << i;
    }
  }
};

TEST_F(CudaHeads, ReadTheLikeliestToken) {
  for (const int count : {1, 5, 8, 12, 17, 128}) compare(count, 4096);
}

TEST_F(CudaHeads, ReadVocabulariesOfAnySize) {
  for (const int vocab : {8, 40, 1001, 3000}) compare(3, vocab);
}

TEST_F(CudaHeads, TellRowsThatAreNotFinite) {
  Problem problem;
  const auto workspace = make_workspace(grouped, 64, problem);
  ASSERT_EQ(problem, "");
  std::mt19937 random(3);
  const Array norm(Values(256, 1.0));
  const Array lm_head(normal(64 * 256, 0, 0.1, random));
  auto values = normal(3 * 256, 0, 1, random);
  values[256 + 17] = std::numeric_limits<double>::quiet_NaN();
  const Array rows(values);
  std::vector<GreedyReading> readings(3);
  ASSERT_EQ(read_head(*workspace, {norm.device(), lm_head.device()}, rows.device(), 3,
                      readings.data(), nullptr),
            "");
  EXPECT_EQ(readings[0].finite, 1);
  EXPECT_EQ(readings[1].finite, 0);
  EXPECT_EQ(readings[2].finite, 1);
}

TEST_F(CudaHeads, TakeTheLowestOfEqualTokens) {
  Problem problem;
  const auto workspace = make_workspace(grouped, 64, problem);
  ASSERT_EQ(problem, "");
  std::mt19937 random(5);
  const Array norm(Values(256, 1.0));
  Values weights(64 * 256, 0.0);
  for (const int row : {9, 23, 60}) {
    for (int i = 0; i < 256; ++i) weights[static_cast<std::size_t>(row * 256 + i)] = 0.5;
  }
  const Array lm_head(weights);
  const Array rows(Values(256, 1.0));
  GreedyReading reading{};
  ASSERT_EQ(
      read_head(*workspace, {norm.device(), lm_head.device()}, rows.device(), 1, &reading, nullptr),
      "");
  EXPECT_EQ(reading.token, 9);
}

}  // namespace
}  // namespace cecollm::model::cuda
