// Architectures for which no golden activations exist, against an independent implementation in
// plain loops and double precision.

#include <array>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "model/torch_engine.hpp"
#include "model/torch_probe.hpp"
#include "tests/support/torch_random_model.hpp"

namespace cecollm::model {
namespace {

using tests::succeeded;

using Vector = std::vector<double>;
using Rows2 = std::vector<Vector>;

/// The layer as the papers and transformers' documentation describe it, one position at a time.
class NaiveModel {
 public:
  explicit NaiveModel(const Checkpoint& checkpoint) : config_(checkpoint.config()) {
    for (const auto& [name, view] : checkpoint.tensors()) {
      std::vector<float> values(view.bytes.size() / sizeof(float));
      std::ranges::copy(view.bytes, std::as_writable_bytes(std::span(values)).begin());
      tensors_[name] = {Vector(values.begin(), values.end()), view.shape};
    }
  }

  /// [layer + 1][position][d]
  std::vector<Rows2> hidden(const std::vector<TokenId>& ids) const {
    std::vector<Rows2> states(1);
    const auto& embedding = tensor("model.embed_tokens.weight");
    for (const auto id : ids) states[0].push_back(row(embedding, static_cast<std::size_t>(id)));
    for (int layer = 0; layer < config_.num_layers; ++layer) {
      states.push_back(run_layer(states.back(), layer));
    }
    return states;
  }

  /// The logits of a head with norm weight and matrix of these names.
  Vector logits(const Vector& state, const std::string& norm, const std::string& head) const {
    return product(head, normed(state, norm));
  }
  std::string model_head() const {
    return config_.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
  }

 private:
  struct Tensor {
    Vector values;
    std::vector<std::int64_t> shape;
  };

  const Tensor& tensor(const std::string& name) const { return tensors_.at(name); }

  static Vector row(const Tensor& tensor, std::size_t index) {
    const auto width = static_cast<std::size_t>(tensor.shape[1]);
    const auto begin = tensor.values.begin() + static_cast<std::ptrdiff_t>(index * width);
    return {begin, begin + static_cast<std::ptrdiff_t>(width)};
  }

  static double dot(const Vector& a, const Vector& b) {
    double sum = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  }

  Vector product(const std::string& weight, const Vector& x) const {
    const auto& matrix = tensor(weight);
    Vector result;
    for (std::size_t i = 0; i < static_cast<std::size_t>(matrix.shape[0]); ++i) {
      result.push_back(dot(row(matrix, i), x));
    }
    return result;
  }

  Vector linear(const std::string& name, const Vector& x) const {
    auto result = product(name + ".weight", x);
    if (const auto bias = tensors_.find(name + ".bias"); bias != tensors_.end()) {
      for (std::size_t i = 0; i < result.size(); ++i) result[i] += bias->second.values[i];
    }
    return result;
  }

  Vector normed(const Vector& x, const std::string& weight) const {
    const double scale =
        1.0 / std::sqrt(dot(x, x) / static_cast<double>(x.size()) + config_.rms_norm_eps);
    Vector result(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      result[i] = x[i] * scale * tensor(weight).values[i];
    }
    return result;
  }

  /// Splits into heads, normalises them where the model does, rotates by position.
  Rows2 rotated_heads(const Vector& flat, const std::string& norm, std::size_t position) const {
    const auto width = static_cast<std::size_t>(config_.head_dim);
    Rows2 heads;
    for (std::size_t begin = 0; begin < flat.size(); begin += width) {
      const auto first = flat.begin() + static_cast<std::ptrdiff_t>(begin);
      Vector head(first, first + static_cast<std::ptrdiff_t>(width));
      if (config_.qk_norm) head = normed(head, norm);
      Vector turned(width);
      for (std::size_t i = 0; i < width / 2; ++i) {
        const double angle = static_cast<double>(position) *
                             std::pow(config_.rope_theta,
                                      -2.0 * static_cast<double>(i) / static_cast<double>(width));
        const double a = head[i];
        const double b = head[i + width / 2];
        turned[i] = a * std::cos(angle) - b * std::sin(angle);
        turned[i + width / 2] = b * std::cos(angle) + a * std::sin(angle);
      }
      heads.push_back(turned);
    }
    return heads;
  }

  Rows2 run_layer(const Rows2& input, int layer) const {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    const std::string attention = prefix + "self_attn.";
    const auto width = static_cast<std::size_t>(config_.head_dim);
    const auto group = static_cast<std::size_t>(config_.num_heads / config_.num_kv_heads);
    const auto window =
        static_cast<std::size_t>(config_.sliding_window[static_cast<std::size_t>(layer)]);
    std::vector<Rows2> keys;
    Rows2 values;
    Rows2 output;
    for (std::size_t p = 0; p < input.size(); ++p) {
      const auto x = normed(input[p], prefix + "input_layernorm.weight");
      const auto q = rotated_heads(linear(attention + "q_proj", x), attention + "q_norm.weight", p);
      keys.push_back(
          rotated_heads(linear(attention + "k_proj", x), attention + "k_norm.weight", p));
      values.push_back(linear(attention + "v_proj", x));

      const std::size_t first = window > 0 && p + 1 > window ? p + 1 - window : 0;
      Vector mixed;
      for (std::size_t h = 0; h < q.size(); ++h) {
        Vector weights;
        double total = 0.0;
        for (std::size_t j = first; j <= p; ++j) {
          const double score =
              dot(q[h], keys[j][h / group]) / std::sqrt(static_cast<double>(width));
          weights.push_back(std::exp(score));
          total += weights.back();
        }
        for (std::size_t i = 0; i < width; ++i) {
          double sum = 0.0;
          for (std::size_t j = first; j <= p; ++j) {
            sum += weights[j - first] * values[j][h / group * width + i];
          }
          mixed.push_back(sum / total);
        }
      }
      auto state = input[p];
      add(state, linear(attention + "o_proj", mixed));
      const auto y = normed(state, prefix + "post_attention_layernorm.weight");
      auto gate = linear(prefix + "mlp.gate_proj", y);
      const auto up = linear(prefix + "mlp.up_proj", y);
      for (std::size_t i = 0; i < gate.size(); ++i) {
        gate[i] = gate[i] / (1.0 + std::exp(-gate[i])) * up[i];
      }
      add(state, linear(prefix + "mlp.down_proj", gate));
      output.push_back(state);
    }
    return output;
  }

  static void add(Vector& sum, const Vector& x) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += x[i];
  }

  ModelConfig config_;
  std::map<std::string, Tensor> tensors_;
};

double log_sum_exp(const Vector& logits) {
  double sum = 0.0;
  for (const double logit : logits) sum += std::exp(logit);
  return std::log(sum);
}

void expect_close(std::span<const float> actual, const Vector& expected, const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  double difference = 0.0;
  double largest = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(actual[i]) - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  EXPECT_LE(difference, 2e-5 * largest) << what;
}

nlohmann::json mistral() {
  auto config = tests::random_llama();
  config["architectures"] = {"MistralForCausalLM"};
  config["model_type"] = "mistral";
  config["sliding_window"] = 5;
  return config;
}

nlohmann::json qwen3() {
  auto config = tests::random_llama();
  config["architectures"] = {"Qwen3ForCausalLM"};
  config["model_type"] = "qwen3";
  config["head_dim"] = 12;  // 4 heads of 12 on a width of 32
  config["rope_theta"] = 1000000.0;
  config["tie_word_embeddings"] = true;
  return config;
}

nlohmann::json llama_with_biases() {
  auto config = tests::random_llama();
  config["attention_bias"] = true;
  config["mlp_bias"] = true;
  return config;
}

struct Architecture {
  const char* name;
  nlohmann::json (*config)();
};

class Family : public testing::TestWithParam<Architecture> {
 protected:
  tests::RandomModel model_{tests::with_exits(GetParam().config(), {2, 4}), 3};
  NaiveModel naive_{model_.checkpoint()};
  std::vector<TokenId> ids_ = [] {
    std::mt19937 random(5);
    return tests::random_ids(24, 96, random);
  }();
};

TEST_P(Family, ComputesTheNaiveHiddenStatesAndLogits) {
  const auto expected = naive_.hidden(ids_);
  for (const auto kernels : {Kernels::packed, Kernels::libtorch}) {
    const auto trace =
        trace_forward(model_.checkpoint(), ids_, ComputeDType::fp32, kernels, tests::test_device());
    ASSERT_TRUE(succeeded(trace));
    ASSERT_EQ(trace->hidden.size(), expected.size());
    for (std::size_t layer = 0; layer < expected.size(); ++layer) {
      const std::span<const float> states(trace->hidden[layer]);
      for (std::size_t p = 0; p < ids_.size(); ++p) {
        expect_close(states.subspan(p * 32, 32), expected[layer][p],
                     "layer " + std::to_string(layer) + " position " + std::to_string(p));
      }
    }
    const std::span<const float> logits(trace->logits);
    expect_close(logits.last(96),
                 naive_.logits(expected.back().back(), "model.norm.weight", naive_.model_head()),
                 "logits");
  }
}

TEST_P(Family, ReadsTheNaiveHeadsTokenByToken) {
  const auto expected = naive_.hidden(ids_);
  for (const auto kernels : {Kernels::packed, Kernels::libtorch}) {
    const auto whole = model_.load(Part::whole, nullptr, kernels);
    const auto session = tests::open_session(*whole);
    for (std::size_t p = 0; p < ids_.size(); ++p) {
      const auto result = tests::run_one(*whole, *session, std::vector{ids_[p]}, {0, 1, 2});
      ASSERT_TRUE(succeeded(result));
      const std::array heads{
          naive_.logits(expected[2][p], "early_exit.2.norm.weight", naive_.model_head()),
          naive_.logits(expected[4][p], "early_exit.4.norm.weight", naive_.model_head()),
          naive_.logits(expected[6][p], "model.norm.weight", naive_.model_head())};
      for (std::size_t head = 0; head < 3; ++head) {
        const auto best = std::ranges::max_element(heads.at(head));
        const auto& reading = result->readings[head];
        EXPECT_EQ(reading.token, best - heads.at(head).begin()) << "position " << p;
        EXPECT_NEAR(reading.confidence, std::exp(*best - log_sum_exp(heads.at(head))), 1e-4);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Architectures, Family,
                         testing::Values(Architecture{"Mistral", mistral},
                                         Architecture{"Qwen3", qwen3},
                                         Architecture{"LlamaWithBiases", llama_with_biases}),
                         [](const testing::TestParamInfo<Architecture>& architecture) {
                           return std::string(architecture.param.name);
                         });

TEST(SlidingWindow, IsSmallEnoughHereToMatter) {
  auto config = mistral();
  const tests::RandomModel narrow(config, 3);
  config["sliding_window"] = nullptr;
  const tests::RandomModel full(config, 3);
  std::mt19937 random(5);
  const auto ids = tests::random_ids(24, 96, random);
  const auto a = narrow.load(Part::whole)->score(ids, ids);
  const auto b = full.load(Part::whole)->score(ids, ids);
  ASSERT_TRUE(succeeded(a));
  ASSERT_TRUE(succeeded(b));
  EXPECT_NEAR(a->at(4)[0].max_logit, b->at(4)[0].max_logit, 1e-4F);
  EXPECT_GT(std::abs(a->at(23)[0].max_logit - b->at(23)[0].max_logit), 1e-3F);
}

class HeadKind : public testing::TestWithParam<const char*> {};

TEST_P(HeadKind, ScoresWithItsOwnTensors) {
  const std::string kind = GetParam();
  const tests::RandomModel model(tests::with_exits(tests::random_llama(), {2, 4}, GetParam()), 4);
  const NaiveModel naive(model.checkpoint());
  std::mt19937 random(6);
  const auto ids = tests::random_ids(12, 96, random);
  const auto targets = tests::random_ids(12, 96, random);
  const auto hidden = naive.hidden(ids);
  const auto scores = model.load(Part::edge)->score(ids, targets);
  ASSERT_TRUE(succeeded(scores));
  for (std::size_t exit = 0; exit < 2; ++exit) {
    const std::size_t layer = exit == 0 ? 2 : 4;
    const std::string prefix = "early_exit." + std::to_string(layer) + ".";
    const std::string norm = kind == "shared" ? "model.norm.weight" : prefix + "norm.weight";
    const std::string head =
        kind == "linear" ? prefix + "lm_head.weight" : std::string("lm_head.weight");
    for (std::size_t p = 0; p < ids.size(); ++p) {
      const auto logits = naive.logits(hidden[layer][p], norm, head);
      const auto best = std::ranges::max_element(logits);
      const double log_sum = log_sum_exp(logits);
      const double target = logits[static_cast<std::size_t>(targets[p])];
      const auto& score = (*scores)[p][exit];
      EXPECT_EQ(score.argmax, best - logits.begin());
      EXPECT_NEAR(score.max_logit, *best, 1e-4);
      EXPECT_NEAR(score.target_logit, target, 1e-4);
      EXPECT_NEAR(score.confidence, std::exp(*best - log_sum), 1e-4);
      EXPECT_NEAR(score.target_logprob, target - log_sum, 1e-4);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, HeadKind, testing::Values("shared", "norm", "linear"));

}  // namespace
}  // namespace cecollm::model
