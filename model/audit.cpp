#include "model/audit.hpp"

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <string>
#include <utility>

namespace cecollm::model {
namespace {

constexpr std::size_t max_failures = 10;

/// The stages of a whole engine by head.
struct Heads {
  std::vector<std::size_t> exits;
  std::size_t final = 0;
};

Heads heads_of(const std::vector<Stage>& stages) {
  Heads heads;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    if (stages[s].head.kind == StageHead::Kind::exit) heads.exits.push_back(s);
    if (stages[s].head.kind == StageHead::Kind::final) heads.final = s;
  }
  return heads;
}

Result<void> check(const Heads& heads, std::span<const TokenId> prompt,
                   std::span<const AuditedToken> emitted, std::span<const float> thresholds) {
  if (prompt.empty()) return fail(ErrorCode::out_of_range, "the prompt has no tokens");
  if (!thresholds.empty() && thresholds.size() != heads.exits.size()) {
    return fail(ErrorCode::mismatch, std::to_string(thresholds.size()) + " thresholds for " +
                                         std::to_string(heads.exits.size()) + " exits");
  }
  for (const auto& token : emitted) {
    const bool known = token.head == final_head ||
                       (token.head >= 0 && std::cmp_less(token.head, thresholds.size()));
    if (!known) {
      return fail(ErrorCode::mismatch, "a token names exit " + std::to_string(token.head + 1) +
                                           ", which has no threshold");
    }
  }
  return {};
}

std::string head_name(int head) {
  return head == final_head ? "the final head" : "exit " + std::to_string(head + 1);
}

/// One thing that the algorithm prescribes of a token.
struct Check {
  bool exact = true;
  bool tolerated = true;  // exact or within the tolerance; false for a NaN
  std::string claim;      // what is wrong where it is not tolerated
};

std::string claim(const std::string& subject, float value, const char* relation, float bound) {
  std::ostringstream text;
  text << subject << ' ' << value << ' ' << relation << ' ' << bound;
  return text.str();
}

/// Judges one emitted token by how all heads score its position.
std::vector<Check> checks_of(const AuditedToken& token, std::span<const HeadScore> scores,
                             const Heads& heads, std::span<const float> thresholds,
                             float tolerance) {
  std::vector<Check> checks;
  const bool from_exit = token.head != final_head;
  const std::size_t passed_over =
      from_exit ? static_cast<std::size_t>(token.head) : thresholds.size();
  for (std::size_t e = 0; e < passed_over; ++e) {
    const float confidence = scores[heads.exits[e]].confidence;
    const float threshold = thresholds[e];
    checks.push_back({confidence < threshold, confidence < threshold + tolerance,
                      claim(head_name(static_cast<int>(e)) + " was passed over with confidence",
                            confidence, "at threshold", threshold)});
  }
  const auto& score = scores[from_exit ? heads.exits[passed_over] : heads.final];
  if (from_exit && !token.below_threshold_allowed) {
    const float threshold = thresholds[passed_over];
    checks.push_back({score.confidence >= threshold, score.confidence >= threshold - tolerance,
                      claim(head_name(token.head) + " fired with confidence", score.confidence,
                            "at threshold", threshold)});
  }
  checks.push_back({token.id == score.argmax, score.target_logit >= score.max_logit - tolerance,
                    claim(head_name(token.head) + " gives it logit", score.target_logit,
                          "where the largest is", score.max_logit)});
  return checks;
}

}  // namespace

Result<AuditReport> audit(Engine& whole, std::span<const TokenId> prompt,
                          std::span<const AuditedToken> emitted, std::span<const float> thresholds,
                          float tolerance) {
  const auto heads = heads_of(whole.stages());
  if (const auto checked = check(heads, prompt, emitted, thresholds); !checked) {
    return tl::unexpected(checked.error());
  }
  AuditReport report;
  if (emitted.empty()) return report;

  // Position i is scored for the token that follows it; the last token is nobody's input.
  std::vector<TokenId> text(prompt.begin(), prompt.end());
  for (const auto& token : emitted) text.push_back(token.id);
  const std::span<const TokenId> all(text);
  const auto scores = whole.score(all.first(all.size() - 1), all.subspan(1));
  if (!scores) return tl::unexpected(scores.error());

  for (std::size_t i = 0; i < emitted.size(); ++i) {
    const auto checks =
        checks_of(emitted[i], (*scores)[prompt.size() - 1 + i], heads, thresholds, tolerance);
    ++report.tokens;
    const auto failed = std::ranges::find_if(checks, [](const Check& c) { return !c.tolerated; });
    if (failed != checks.end()) {
      report.passed = false;
      if (report.failures.size() < max_failures) {
        report.failures.push_back("token " + std::to_string(i) + " (id " +
                                  std::to_string(emitted[i].id) + "): " + failed->claim);
      }
    } else if (!std::ranges::all_of(checks, &Check::exact)) {
      ++report.needed_tolerance;
    }
  }
  return report;
}

}  // namespace cecollm::model
