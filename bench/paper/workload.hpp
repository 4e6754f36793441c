#pragma once
// What is asked of every mode: prompts, whose answers are timed, and questions, whose answers are
// judged.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/failure.hpp"
#include "bench/text_scores.hpp"
#include "model/config.hpp"
#include "model/tokenizer.hpp"

namespace cecollm::bench {

struct WorkloadSetting {
  std::filesystem::path prompts;    // JSON lines, or lines; empty: from `texts`
  std::filesystem::path texts;      // bench/data/val.json
  std::filesystem::path questions;  // bench/data/eval.json
  std::size_t most_prompts = 0;
  std::size_t most_questions = 0;
  std::int64_t random_prompt_tokens = 0;  // > 0: prompts of so many random ids instead
  std::int64_t max_tokens = 0;            // that an answer may have
  std::uint64_t seed = 1;
};

struct Question {
  std::vector<model::TokenId> prompt;
  std::string key;
  AnswerKind kind = AnswerKind::contains;
};

struct Workload {
  std::vector<std::vector<model::TokenId>> prompts;  // at least one; each with room for its answer
  std::vector<Question> questions;
  std::string description;  // of the prompts
};

/// Held-out texts are taken from all kinds in turn, less those that are questions; questions evenly
/// over their file. `tokenizer` null: prompts have to come as ids, and there are no questions.
apps::Outcome<Workload> load_workload(const WorkloadSetting& setting,
                                      const model::Tokenizer* tokenizer,
                                      const model::ModelConfig& config);

}  // namespace cecollm::bench
