#pragma once
// A random model on disk and engines loaded from it. Needs libtorch at link time only.

#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "model/torch_engine.hpp"
#include "tests/support/model_errors.hpp"
#include "tests/support/random_model.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/test_device.hpp"

namespace cecollm::tests {

inline std::unique_ptr<model::Engine> load_fp32(const model::Checkpoint& checkpoint,
                                                model::Part part,
                                                const model::RowCodec* codec = nullptr,
                                                model::Kernels kernels = model::Kernels::packed) {
  auto engine = model::load_engine(checkpoint, part,
                                   {.dtype = model::ComputeDType::fp32,
                                    .row_codec = codec,
                                    .kernels = kernels,
                                    .device = test_device()});
  EXPECT_TRUE(succeeded(engine));
  return engine ? *std::move(engine) : nullptr;
}

class RandomModel {
 public:
  explicit RandomModel(const nlohmann::json& config, unsigned seed = 1) {
    EXPECT_TRUE(succeeded(write_random_model(directory_.path(), config, seed)));
  }
  const std::filesystem::path& path() const { return directory_.path(); }
  model::Checkpoint checkpoint() const { return *model::Checkpoint::open(path()); }
  std::unique_ptr<model::Engine> load(model::Part part, const model::RowCodec* codec = nullptr,
                                      model::Kernels kernels = model::Kernels::packed) const {
    return load_fp32(checkpoint(), part, codec, kernels);
  }

 private:
  TemporaryDirectory directory_;
};

/// random_llama() with exits of kind `head` after `layers`.
inline nlohmann::json with_exits(nlohmann::json config, std::vector<int> layers,
                                 const char* head = "norm") {
  config["early_exit"] = {{"layers", std::move(layers)}, {"head", head}};
  return config;
}

inline std::unique_ptr<model::Session> open_session(model::Engine& engine,
                                                    const model::SamplingParams& sampling = {}) {
  auto session = engine.open(sampling);
  EXPECT_TRUE(succeeded(session));
  return session ? *std::move(session) : nullptr;
}

inline model::Step make_step(model::Session& session, decltype(model::Step::input) input,
                             std::vector<std::size_t> read) {
  model::Step step;
  step.session = &session;
  step.input = std::move(input);
  step.read = std::move(read);
  return step;
}

inline model::Result<model::StepResult> run_one(model::Engine& engine, model::Session& session,
                                                decltype(model::Step::input) input,
                                                std::vector<std::size_t> read) {
  const auto step = make_step(session, std::move(input), std::move(read));
  return std::move(engine.run({&step, 1}).front());
}

/// `count` token ids drawn from the whole vocabulary.
inline std::vector<model::TokenId> random_ids(std::size_t count, int vocab, std::mt19937& random) {
  std::uniform_int_distribution<model::TokenId> draw(0, vocab - 1);
  std::vector<model::TokenId> ids(count);
  for (auto& id : ids) id = draw(random);
  return ids;
}

/// The same token with nearly the same probabilities.
inline testing::AssertionResult nearly_equal(const model::Reading& a, const model::Reading& b) {
  if (a.token != b.token) return testing::AssertionFailure() << a.token << " and " << b.token;
  if (a.top.size() != b.top.size()) return testing::AssertionFailure() << "alternatives";
  const auto near = [](float x, float y) {
    return std::abs(x - y) <= 1e-4F;
  };
  if (!near(a.confidence, b.confidence) || !near(a.logprob, b.logprob)) {
    return testing::AssertionFailure() << "confidence " << a.confidence << " and " << b.confidence
                                       << ", log-probability " << a.logprob << " and " << b.logprob;
  }
  for (std::size_t i = 0; i < a.top.size(); ++i) {
    if (!near(a.top[i].logprob, b.top[i].logprob)) {
      return testing::AssertionFailure()
             << "alternative " << i << ": " << a.top[i].logprob << " and " << b.top[i].logprob;
    }
  }
  return testing::AssertionSuccess();
}

}  // namespace cecollm::tests
