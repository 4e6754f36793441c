// The machine under the engine: dtypes, threads, BLAS.

#include <filesystem>
#include <iostream>
#include <string>

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/torch_engine.hpp"
#include "tests/support/torch_random_model.hpp"

namespace cecollm::model {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using tests::succeeded;

TEST(BlasWarning, NamesTheReferenceLibraryAndNoOther) {
  EXPECT_THAT(blas_warning_for("/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0"),
              HasSubstr("/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0"));
  EXPECT_THAT(blas_warning_for("/usr/lib64/libblas.so.3"), HasSubstr("reference BLAS"));
  for (const char* fast :
       {"/usr/lib/x86_64-linux-gnu/openblas-pthread/libblas.so.3",
        "/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblasp-r0.3.21.so",
        "/usr/lib/x86_64-linux-gnu/blis-openmp/libblas.so.4.0.0",
        "/usr/lib/x86_64-linux-gnu/atlas/libblas.so.3.10.3", "/opt/intel/mkl/lib/libmkl_rt.so.2",
        "/opt/torch/lib/libtorch_cpu.so", ""}) {
    EXPECT_THAT(blas_warning_for(fast), IsEmpty()) << fast;
  }
}

TEST(BlasWarning, FindsTheLibraryThatIsLoaded) {
  const auto library = blas_library();
  ASSERT_FALSE(library.empty());
  EXPECT_TRUE(std::filesystem::is_regular_file(library)) << library;
  EXPECT_EQ(blas_warning(), blas_warning_for(library));
}

TEST(ComputeThreads, ReachTheBlas) {
  using GetThreads = int (*)();
  const auto get = reinterpret_cast<GetThreads>(dlsym(RTLD_DEFAULT, "openblas_get_num_threads"));
  if (get == nullptr) GTEST_SKIP() << "another BLAS than OpenBLAS is loaded";
  const int before = get();
  set_compute_threads(1);
  EXPECT_EQ(get(), 1);
  set_compute_threads(0);
  EXPECT_EQ(get(), 1);
  set_compute_threads(before);
  EXPECT_EQ(get(), before);
}

TEST(ComputeDTypes, AutomaticIsFp32) {
  EXPECT_EQ(resolve(ComputeDType::fp32), DType::f32);
  EXPECT_EQ(resolve(ComputeDType::bf16), DType::bf16);
  EXPECT_EQ(resolve(ComputeDType::automatic), DType::f32);
}

TEST(ComputeDTypes, Bf16MostlyAgreesWithFp32) {
  const auto checkpoint = Checkpoint::open(CECOLLM_DEFAULT_MODEL);
  ASSERT_TRUE(succeeded(checkpoint));
  const auto exact = load_engine(*checkpoint, Part::whole, {ComputeDType::fp32, nullptr});
  const auto rounded =
      load_engine(*checkpoint, Part::whole, {ComputeDType::bf16, find_row_codec("bf16")});
  ASSERT_TRUE(succeeded(exact));
  ASSERT_TRUE(succeeded(rounded));
  // A text that the model itself writes, so that most positions have a clear answer.
  const auto session = tests::open_session(**exact);
  std::vector<TokenId> text{0, 1167, 1001, 259, 541};
  auto next = text;
  while (text.size() < 80) {
    const auto result = tests::run_one(**exact, *session, next, {2});
    ASSERT_TRUE(succeeded(result));
    next = {result->readings.front().token};
    text.push_back(next.front());
  }
  const auto a = (*exact)->score(text, text);
  const auto b = (*rounded)->score(text, text);
  ASSERT_TRUE(succeeded(a));
  ASSERT_TRUE(succeeded(b));
  int equal = 0;
  double confidence_difference = 0.0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (std::size_t head = 0; head < 3; ++head) {
      equal += (*a)[i][head].argmax == (*b)[i][head].argmax ? 1 : 0;
      confidence_difference +=
          static_cast<double>(std::abs((*a)[i][head].confidence - (*b)[i][head].confidence));
    }
  }
  const auto all = static_cast<double>(3 * text.size());
  std::cout << "bf16: " << 100.0 * equal / all << " % of " << all
            << " readings give fp32's token, mean difference of confidence "
            << confidence_difference / all << '\n';
  EXPECT_GE(equal, 0.95 * all);
  EXPECT_LE(confidence_difference, 0.03 * all);
  EXPECT_GT(confidence_difference, 0.0) << "nothing was rounded";
}

TEST(Int8Weights, MostlyAgreeWithTheStoredOnes) {
  const auto checkpoint = Checkpoint::open(CECOLLM_DEFAULT_MODEL);
  ASSERT_TRUE(succeeded(checkpoint));
  const EngineOptions stored{ComputeDType::fp32, nullptr};
  const EngineOptions int8{ComputeDType::automatic, nullptr, Kernels::packed, WeightChoice::int8};
  const auto exact = load_engine(*checkpoint, Part::whole, stored);
  const auto rounded = load_engine(*checkpoint, Part::whole, int8);
  ASSERT_TRUE(succeeded(exact));
  ASSERT_TRUE(succeeded(rounded));
  const std::vector<TokenId> text{0,   1167, 1001, 259, 541, 300, 12,  700, 259, 88,
                                  900, 259,  1500, 431, 22,  16,  259, 77,  5,   1001};
  const auto a = (*exact)->score(text, text);
  const auto b = (*rounded)->score(text, text);
  ASSERT_TRUE(succeeded(a));
  ASSERT_TRUE(succeeded(b));
  double difference = 0.0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (std::size_t head = 0; head < 3; ++head) {
      difference += static_cast<double>(
          std::abs((*a)[i][head].target_logprob - (*b)[i][head].target_logprob));
    }
  }
  EXPECT_LE(difference, 0.1 * static_cast<double>(3 * text.size()));
  EXPECT_GT(difference, 0.0) << "nothing was rounded";
}

TEST(Int8Weights, NeedFp32OnTheProcessor) {
  const tests::RandomModel model(tests::with_exits(tests::random_llama(), {2, 4}));
  const EngineOptions bf16{ComputeDType::bf16, nullptr, Kernels::packed, WeightChoice::int8};
  EXPECT_TRUE(tests::fails_with(load_engine(model.checkpoint(), Part::edge, bf16),
                                ErrorCode::unsupported, {"int8", "fp32"}));
}

TEST(ComputeDTypes, Bf16SessionsGenerateInBatchesAndParts) {
  const tests::RandomModel model(tests::with_exits(tests::random_llama(), {2, 4}));
  const auto checkpoint = model.checkpoint();
  const EngineOptions options{.dtype = ComputeDType::bf16,
                              .row_codec = find_row_codec("fp16"),
                              .device = tests::test_device()};
  const auto edge = load_engine(checkpoint, Part::edge, options);
  const auto cloud = load_engine(checkpoint, Part::cloud, options);
  const auto whole = load_engine(checkpoint, Part::whole, options);
  ASSERT_TRUE(succeeded(edge));
  ASSERT_TRUE(succeeded(cloud));
  ASSERT_TRUE(succeeded(whole));
  const auto edge_session = tests::open_session(**edge);
  const auto cloud_session = tests::open_session(**cloud);
  const std::vector<TokenId> prompt{1, 5, 9, 44, 3};
  const auto rows = tests::run_one(**edge, *edge_session, prompt, {0, 1});
  ASSERT_TRUE(succeeded(rows));
  EXPECT_EQ(std::ssize(*rows->rows.bytes), 5 * 32 * 2);
  const auto answer = tests::run_one(**cloud, *cloud_session, rows->rows, {0});
  ASSERT_TRUE(succeeded(answer));
  const auto scores = (*whole)->score(prompt, prompt);
  ASSERT_TRUE(succeeded(scores));
  EXPECT_NEAR(answer->readings[0].confidence, scores->back()[2].confidence, 0.05F);
  EXPECT_EQ(edge_session->kv_bytes(), (*edge)->kv_bytes_at(5));
}

}  // namespace
}  // namespace cecollm::model
