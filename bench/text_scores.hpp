#pragma once
// How good a text is, by its words. Words are runs of ASCII letters and digits and of everything
// beyond ASCII, in lower case.

#include <string>
#include <string_view>
#include <vector>

namespace cecollm::bench {

std::vector<std::string> words_of(std::string_view text);

/// ROUGE-L's F1 (Lin, "ROUGE: A package for automatic evaluation of summaries", 2004, with β = 1):
/// the harmonic mean of the longest common subsequence of words over the words of either text. 1
/// for two texts without words, 0 where one has none.
double rouge_l(std::string_view candidate, std::string_view reference);

/// What makes an answer right.
enum class AnswerKind {
  contains,  // the key's words stand in the answer, one after the other; the last may go on
             // ("cubs")
  yes_no,    // the answer begins with the key
  number,    // the key is the answer's last number before its first full stop or line's end
};

bool is_right(std::string_view answer, std::string_view key, AnswerKind kind);

}  // namespace cecollm::bench
