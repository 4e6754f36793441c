#include "model/audit.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_engine.hpp"
#include "tests/support/model_errors.hpp"

namespace cecollm::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using tests::fails_with;
using tests::FakeEngine;
using tests::succeeded;

const std::vector<TokenId> prompt{1, 5, 9};

/// An engine whose scores a test writes down; nothing else of it is used.
class ScriptedEngine final : public Engine {
 public:
  explicit ScriptedEngine(std::vector<std::vector<HeadScore>> scores)
      : scores_(std::move(scores)), stages_(stages_of(fake_.config, Part::whole)) {}
  const ModelConfig& config() const override { return fake_.config; }
  const std::vector<Stage>& stages() const override { return stages_; }
  const RowCodec& row_codec() const override { return *fake_.codec; }
  Result<std::unique_ptr<Session>> open(const SamplingParams&) override {
    return fail(ErrorCode::unsupported, "scripted");
  }
  std::int64_t kv_bytes_at(std::int64_t) const override { return 0; }
  std::vector<Result<StepResult>> run(std::span<const Step>) override { return {}; }
  Result<std::vector<std::vector<HeadScore>>> score(std::span<const TokenId>,
                                                    std::span<const TokenId>) override {
    return scores_;
  }

 private:
  std::vector<std::vector<HeadScore>> scores_;
  tests::FakeModel fake_ = tests::fake_model();
  std::vector<Stage> stages_;
};

HeadScore score(TokenId argmax, float confidence, float shortfall = 0.0F) {
  return {argmax, 10.0F, 10.0F - shortfall, confidence, 0.0F};
}

/// Audits one token after a prompt of one, at thresholds 0.8 and 0.7.
AuditReport audit_one(const AuditedToken& token, std::vector<HeadScore> scores) {
  ScriptedEngine engine({std::move(scores)});
  const std::vector<TokenId> start{1};
  const std::vector<float> thresholds{0.8F, 0.7F};
  auto report = audit(engine, start, std::vector{token}, thresholds);
  EXPECT_TRUE(succeeded(report));
  return report.value_or(AuditReport{});
}

std::vector<AuditedToken> reference_tokens(Engine& whole, const std::vector<float>& thresholds,
                                           bool standalone = false) {
  ReferenceRequest request;
  request.prompt = prompt;
  request.max_tokens = 50;
  request.thresholds = thresholds;
  request.standalone = standalone;
  request.ignore_eos = true;
  const auto tokens = run_reference(whole, request);
  EXPECT_TRUE(succeeded(tokens));
  std::vector<AuditedToken> audited;
  for (const auto& token : *tokens) audited.push_back({token.id, token.head, false});
  return audited;
}

TEST(Audit, PassesTheReferencesOwnTokensExactly) {
  FakeEngine whole(tests::fake_model(), Part::whole);
  for (const auto& thresholds : {std::vector<float>{}, {0.8F, 0.6F}, {0.0F, 0.0F}, {2.0F, 2.0F}}) {
    const auto report = audit(whole, prompt, reference_tokens(whole, thresholds), thresholds);
    ASSERT_TRUE(succeeded(report));
    EXPECT_TRUE(report->passed);
    EXPECT_EQ(report->tokens, 50);
    EXPECT_EQ(report->needed_tolerance, 0);
    EXPECT_EQ(report->tolerance_share(), 0.0);
    EXPECT_THAT(report->failures, ElementsAre());
  }
}

TEST(Audit, StandaloneTokensPassOnlyWhereExitsBelowTheThresholdAreAllowed) {
  FakeEngine whole(tests::fake_model(), Part::whole);
  const std::vector<float> thresholds{0.8F, 2.0F};
  auto tokens = reference_tokens(whole, thresholds, true);
  EXPECT_FALSE(audit(whole, prompt, tokens, thresholds)->passed);
  for (auto& token : tokens) token.below_threshold_allowed = token.head == 1;
  EXPECT_TRUE(audit(whole, prompt, tokens, thresholds)->passed);
}

TEST(Audit, FindsOneWrongTokenAndNamesIt) {
  FakeEngine whole(tests::fake_model(), Part::whole);
  const std::vector<float> thresholds{0.8F, 0.6F};
  auto tokens = reference_tokens(whole, thresholds);
  tokens.resize(20);
  tokens[19].id = (tokens[19].id + 1) % 64;
  const auto report = audit(whole, prompt, tokens, thresholds);
  ASSERT_TRUE(succeeded(report));
  EXPECT_FALSE(report->passed);
  EXPECT_THAT(report->failures, ElementsAre(HasSubstr("token 19")));
}

TEST(Audit, FindsATokenFromTheWrongHead) {
  FakeEngine whole(tests::fake_model(), Part::whole);
  const std::vector<float> thresholds{0.8F, 0.6F};
  auto tokens = reference_tokens(whole, thresholds);
  const auto exit = std::ranges::find(tokens, 0, &AuditedToken::head);
  ASSERT_NE(exit, tokens.end());
  exit->head = final_head;
  const auto report = audit(whole, prompt, tokens, thresholds);
  EXPECT_FALSE(report->passed);
  EXPECT_THAT(report->failures.front(), HasSubstr("exit 1 was passed over"));
}

TEST(Audit, CountsAnotherTokenWithinTheToleranceOfTheLargestLogit) {
  const auto close =
      audit_one({7, final_head}, {score(3, 0.1F), score(3, 0.1F), score(3, 0.5F, 0.0009F)});
  EXPECT_TRUE(close.passed);
  EXPECT_EQ(close.needed_tolerance, 1);
  EXPECT_EQ(close.tolerance_share(), 1.0);
  const auto far =
      audit_one({7, final_head}, {score(3, 0.1F), score(3, 0.1F), score(3, 0.5F, 0.0011F)});
  EXPECT_FALSE(far.passed);
  EXPECT_EQ(far.needed_tolerance, 0);
  EXPECT_THAT(far.failures, ElementsAre(HasSubstr("the final head gives it logit")));
}

TEST(Audit, CountsAnExitThatFiredJustBelowItsThreshold) {
  const auto close = audit_one({3, 0}, {score(3, 0.7995F), score(3, 0.1F), score(3, 0.5F)});
  EXPECT_TRUE(close.passed);
  EXPECT_EQ(close.needed_tolerance, 1);
  const auto far = audit_one({3, 0}, {score(3, 0.7985F), score(3, 0.1F), score(3, 0.5F)});
  EXPECT_FALSE(far.passed);
  EXPECT_THAT(far.failures, ElementsAre(HasSubstr("exit 1 fired with confidence")));
  const auto allowed = audit_one({3, 0, true}, {score(3, 0.2F), score(3, 0.1F), score(3, 0.5F)});
  EXPECT_TRUE(allowed.passed);
  EXPECT_EQ(allowed.needed_tolerance, 0);
}

TEST(Audit, CountsAnExitPassedOverJustAboveItsThreshold) {
  const auto close = audit_one({3, 1}, {score(3, 0.8005F), score(3, 0.9F), score(3, 0.5F)});
  EXPECT_TRUE(close.passed);
  EXPECT_EQ(close.needed_tolerance, 1);
  const auto exact = audit_one({3, 1}, {score(3, 0.79F), score(3, 0.9F), score(3, 0.5F)});
  EXPECT_EQ(exact.needed_tolerance, 0);
  const auto far = audit_one({3, final_head}, {score(3, 0.1F), score(3, 0.702F), score(3, 0.5F)});
  EXPECT_FALSE(far.passed);
  EXPECT_THAT(far.failures, ElementsAre(HasSubstr("exit 2 was passed over")));
}

TEST(Audit, FailsWhereAScoreIsNotANumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(audit_one({3, 0}, {score(3, nan), score(3, 0.1F), score(3, 0.5F)}).passed);
  EXPECT_FALSE(audit_one({3, 1}, {score(3, nan), score(3, 0.9F), score(3, 0.5F)}).passed);
  EXPECT_FALSE(
      audit_one({7, final_head}, {score(3, 0.1F), score(3, 0.1F), score(3, 0.5F, nan)}).passed);
}

TEST(Audit, KeepsTheFirstTenFailures) {
  FakeEngine whole(tests::fake_model(), Part::whole);
  auto tokens = reference_tokens(whole, {});
  for (auto& token : tokens) token.id = (token.id + 1) % 64;
  const auto report = audit(whole, prompt, tokens, {});
  ASSERT_TRUE(succeeded(report));
  EXPECT_EQ(report->failures.size(), 10U);
}

TEST(Audit, AnEmptyTextPasses) {
  FakeEngine whole(tests::fake_model(), Part::whole);
  const auto report = audit(whole, prompt, {}, {});
  ASSERT_TRUE(succeeded(report));
  EXPECT_TRUE(report->passed);
  EXPECT_EQ(report->tolerance_share(), 0.0);
}

TEST(Audit, NamesWhatIsWrongWithItsArguments) {
  FakeEngine whole(tests::fake_model(), Part::whole);
  const std::vector<AuditedToken> from_exit{{3, 0, false}};
  EXPECT_TRUE(fails_with(audit(whole, prompt, from_exit, {}), ErrorCode::mismatch, {"exit 1"}));
  const std::vector<float> three{0.5F, 0.5F, 0.5F};
  EXPECT_TRUE(fails_with(audit(whole, prompt, from_exit, three), ErrorCode::mismatch,
                         {"3 thresholds", "2 exits"}));
  const std::vector<float> two{0.5F, 0.5F};
  const std::vector<AuditedToken> unknown{{3, 2, false}};
  EXPECT_TRUE(fails_with(audit(whole, prompt, unknown, two), ErrorCode::mismatch, {"exit 3"}));
  EXPECT_TRUE(fails_with(audit(whole, {}, from_exit, two), ErrorCode::out_of_range, {"prompt"}));
  const std::vector<AuditedToken> outside{{64, 0, false}, {3, 0, false}};
  EXPECT_TRUE(fails_with(audit(whole, prompt, outside, two), ErrorCode::out_of_range, {"64"}));
}

}  // namespace
}  // namespace cecollm::model
