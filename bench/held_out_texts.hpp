#pragma once
// Prompts and questions from bench/data/: held-out texts by source, and questions with key answers.

#include <filesystem>
#include <string>
#include <vector>

#include "apps/failure.hpp"
#include "bench/text_scores.hpp"

namespace cecollm::bench {

struct HeldOutPrompt {
  std::string kind;  // "fables", "questions", …
  std::string text;
};

/// The beginnings of the texts in `file`, an object of lists of texts by kind: some sixty
/// characters up to the end of a word. In the order of the kinds' names.
apps::Outcome<std::vector<HeldOutPrompt>> held_out_prompts(const std::filesystem::path& file);

struct HeldOutQuestion {
  std::string prompt;
  std::string key;
  AnswerKind kind = AnswerKind::contains;
};

/// All questions of `file`: a list of objects with prompt, answer and type.
apps::Outcome<std::vector<HeldOutQuestion>> held_out_questions(const std::filesystem::path& file);

}  // namespace cecollm::bench
