// Engines on CUDA: our kernels against libtorch's, and what is said where there is no such device.

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "model/reference.hpp"
#include "tests/support/model_errors.hpp"
#include "tests/support/test_device.hpp"
#include "tests/support/torch_random_model.hpp"

namespace cecollm::model {
namespace {

using tests::fails_with;
using tests::make_step;
using tests::open_session;
using tests::run_one;
using tests::succeeded;
using tests::test_device;

TEST(CudaDevices, AreRefusedWhereThereAreNone) {
  const auto checkpoint = Checkpoint::open(CECOLLM_DEFAULT_MODEL);
  ASSERT_TRUE(succeeded(checkpoint));
  const Device device{Device::Kind::cuda, 999};
  EXPECT_TRUE(fails_with(load_engine(*checkpoint, Part::whole, {.device = device}),
                         ErrorCode::unsupported, {"device cuda:999: "}));
}

TEST(CudaDevices, ComputeInBf16UnlessToldOtherwise) {
  const Device device{Device::Kind::cuda, 0};
  EXPECT_EQ(resolve(ComputeDType::automatic, device), DType::bf16);
  EXPECT_EQ(resolve(ComputeDType::fp32, device), DType::f32);
}

/// The default model in bf16 twice: through our kernels and through libtorch's.
class CudaEngines : public testing::Test {
 protected:
  void SetUp() override {
    if (test_device().kind == Device::Kind::cpu) GTEST_SKIP() << "CECOLLM_TEST_DEVICE is the CPU";
  }
  static std::unique_ptr<Engine> load(Part part, Kernels kernels) {
    const auto checkpoint = Checkpoint::open(CECOLLM_DEFAULT_MODEL);
    EXPECT_TRUE(succeeded(checkpoint));
    auto engine = load_engine(*checkpoint, part,
                              {.dtype = ComputeDType::bf16,
                               .row_codec = find_row_codec("bf16"),
                               .kernels = kernels,
                               .device = test_device()});
    EXPECT_TRUE(succeeded(engine));
    return engine ? *std::move(engine) : nullptr;
  }
};

std::vector<TokenId> ids_of(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  return tests::random_ids(count, 4096, random);
}

/// How many readings of the two agree, and by how much their confidences differ.
struct Agreement {
  int readings = 0;
  int equal = 0;
  double difference = 0.0;
  void add(const std::vector<Reading>& a, const std::vector<Reading>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      ++readings;
      equal += a[i].token == b[i].token ? 1 : 0;
      difference += static_cast<double>(std::abs(a[i].confidence - b[i].confidence));
    }
  }
  void expect_close() const {
    EXPECT_GE(equal, 0.93 * readings);
    EXPECT_LE(difference, 0.03 * readings);
  }
};

TEST_F(CudaEngines, AgreeOnTextsThatTheModelWrites) {
  const auto own = load(Part::whole, Kernels::packed);
  const auto reference = load(Part::whole, Kernels::libtorch);
  Agreement agreement;
  for (const unsigned seed : {1U, 2U, 3U}) {
    const auto a = open_session(*own);
    const auto b = open_session(*reference);
    auto next = ids_of(seed * 7, seed);
    for (int i = 0; i < 60; ++i) {
      const auto one = run_one(*own, *a, next, {0, 1, 2});
      const auto two = run_one(*reference, *b, next, {0, 1, 2});
      ASSERT_TRUE(succeeded(one));
      ASSERT_TRUE(succeeded(two));
      agreement.add(one->readings, two->readings);
      next = {two->readings.back().token};
    }
  }
  agreement.expect_close();
}

TEST_F(CudaEngines, AgreeInBatchesOfEverySize) {
  const auto own = load(Part::whole, Kernels::packed);
  const auto reference = load(Part::whole, Kernels::libtorch);
  Agreement agreement;
  for (const std::size_t size : {2U, 8U, 13U, 30U, 70U, 150U}) {
    std::vector<std::unique_ptr<Session>> sessions;
    for (const auto& engine : {own.get(), reference.get()}) {
      for (std::size_t i = 0; i < size; ++i) sessions.push_back(open_session(*engine));
    }
    for (const std::size_t length : {5U, 1U, 1U}) {
      std::vector<Step> steps;
      for (std::size_t i = 0; i < size; ++i) {
        const auto ids = ids_of(length, static_cast<unsigned>(100 * size + 10 * length + i));
        steps.push_back(make_step(*sessions[i], ids, {0, 2}));
      }
      const auto one = own->run(steps);
      for (std::size_t i = 0; i < size; ++i) steps[i].session = sessions[size + i].get();
      const auto two = reference->run(steps);
      for (std::size_t i = 0; i < size; ++i) {
        ASSERT_TRUE(succeeded(one[i]));
        ASSERT_TRUE(succeeded(two[i]));
        agreement.add(one[i]->readings, two[i]->readings);
      }
    }
  }
  agreement.expect_close();
}

TEST_F(CudaEngines, CatchUpWhateverWaits) {
  const auto own = load(Part::whole, Kernels::packed);
  const auto reference = load(Part::whole, Kernels::libtorch);
  Agreement agreement;
  const auto a = open_session(*own);
  const auto b = open_session(*reference);
  for (const int waiting : {1, 3, 9, 17, 40, 130, 1}) {
    for (int i = 0; i < waiting; ++i) {
      const auto id = ids_of(1, static_cast<unsigned>(i));
      ASSERT_TRUE(succeeded(run_one(*own, *a, id, {})));
      ASSERT_TRUE(succeeded(run_one(*reference, *b, id, {})));
    }
    const auto one = run_one(*own, *a, {}, {1, 2});
    const auto two = run_one(*reference, *b, {}, {1, 2});
    ASSERT_TRUE(succeeded(one));
    ASSERT_TRUE(succeeded(two));
    agreement.add(one->readings, two->readings);
    EXPECT_EQ(a->kv_bytes(), own->kv_bytes_at(a->length()));
  }
  agreement.expect_close();
}

TEST_F(CudaEngines, ForgetWhatIsTruncated) {
  const auto own = load(Part::whole, Kernels::packed);
  const auto session = open_session(*own);
  const auto prompt = ids_of(20, 1);
  const auto first = run_one(*own, *session, prompt, {2});
  const auto once = run_one(*own, *session, ids_of(1, 2), {2});
  session->truncate(20);
  ASSERT_TRUE(succeeded(run_one(*own, *session, ids_of(30, 3), {2})));
  session->truncate(20);
  const auto again = run_one(*own, *session, ids_of(1, 2), {2});
  ASSERT_TRUE(succeeded(once));
  ASSERT_TRUE(succeeded(again));
  EXPECT_EQ(once->readings[0].token, again->readings[0].token);
  EXPECT_EQ(once->readings[0].confidence, again->readings[0].confidence);
}

TEST_F(CudaEngines, SampleFromTheSameLogits) {
  const auto own = load(Part::whole, Kernels::packed);
  SamplingParams sampled;
  sampled.temperature = 1.0F;
  sampled.top_logprobs = 5;
  const auto a = open_session(*own);
  const auto b = open_session(*own, sampled);
  const auto prompt = ids_of(12, 4);
  const auto greedy = run_one(*own, *a, prompt, {2});
  const auto drawn = run_one(*own, *b, prompt, {2});
  ASSERT_TRUE(succeeded(greedy));
  ASSERT_TRUE(succeeded(drawn));
  ASSERT_EQ(drawn->readings[0].top.size(), 5U);
  EXPECT_NEAR(drawn->readings[0].confidence, greedy->readings[0].confidence, 0.02F);
  EXPECT_NEAR(drawn->readings[0].top[0].logprob, greedy->readings[0].logprob, 0.05F);
}

TEST_F(CudaEngines, RunTheCloudsPartFromTheSameWeights) {
  const auto whole = load(Part::cloud_only, Kernels::packed);
  const auto edge = load(Part::edge, Kernels::packed);
  const auto cloud = share_with_cloud_part(*whole);
  ASSERT_TRUE(succeeded(cloud));
  const auto prompt = ids_of(25, 5);
  const auto a = open_session(*whole);
  const auto b = open_session(*edge);
  const auto c = open_session(**cloud);
  const auto alone = run_one(*whole, *a, prompt, {1});
  const auto rows = run_one(*edge, *b, prompt, {});
  ASSERT_TRUE(succeeded(alone));
  ASSERT_TRUE(succeeded(rows));
  const auto apart = run_one(**cloud, *c, rows->rows, {0});
  ASSERT_TRUE(succeeded(apart));
  EXPECT_EQ(alone->readings[0].token, apart->readings[0].token);
  EXPECT_EQ(alone->readings[0].confidence, apart->readings[0].confidence);
}

}  // namespace
}  // namespace cecollm::model
