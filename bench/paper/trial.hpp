#pragma once
// What the experiment brings: values.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "bench/paper/response.hpp"

namespace cecollm::bench {

struct Trial {
  std::size_t mode = 0;
  std::size_t prompt = 0;
  int repetition = 0;
  Response response;
  // Of the first repetition, where the text is judged:
  std::optional<std::int64_t>
      agreed;                   // tokens that are the full model's choice after the same text
  std::optional<double> rouge;  // ROUGE-L against the text that the full model writes
};

struct AnsweredQuestion {
  std::size_t mode = 0;
  std::size_t question = 0;
  bool right = false;
  bool same_as_full = false;  // the very tokens that the full model writes
  std::int64_t agreed = 0;
  std::int64_t tokens = 0;
};

struct Measurement {
  std::vector<Trial> trials;
  std::vector<AnsweredQuestion> answers;
  std::optional<double> full_model_right;  // share of the questions that the full model answers
};

}  // namespace cecollm::bench
