#pragma once
// How normalized text is cut into words, which merges never cross. Internal to the tokenizer.

#include <deque>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/tokenizer_json.hpp"
#include "model/tokenizer_regex.hpp"

namespace cecollm::model {

/// What becomes of the matches when a text is split at them.
enum class SplitBehavior {
  removed,
  isolated,
  contiguous,
  merged_with_previous,
  merged_with_next,
};

/// Splits `text` at the ascending `matches`; with `invert`, the text between them plays their part.
/// Appends the non-empty parts to `parts`.
void split_at(std::string_view text, const std::vector<MatchRange>& matches, SplitBehavior behavior,
              bool invert, std::vector<std::string_view>& parts);

/// When Metaspace writes its mark before a text that does not begin with it.
enum class PrependScheme { always, first, never };

/// Reads `prepend_scheme` and the older `add_prefix_space`; problems go to the view's diagnosis.
PrependScheme parse_prepend_scheme(const JsonView& metaspace);

class PreTokenizer {
 public:
  /// Takes `pre_tokenizer`; null leaves the text in one piece.
  static PreTokenizer parse(const JsonView& component);

  /// The model spells each word in the byte alphabet (tokenizer_byte_level.hpp).
  bool byte_level() const { return byte_level_; }

  /// Cuts `text` and appends the words to `words`. They are views of `text` or of strings put into
  /// `storage`. `at_start`: `text` begins where the whole input begins.
  void apply(std::string_view text, bool at_start, std::deque<std::string>& storage,
             std::vector<std::string_view>& words) const;

 private:
  struct Split {
    Regex pattern;
    SplitBehavior behavior;
    bool invert;
  };
  struct Prefix {  // ByteLevel's add_prefix_space
  };
  struct Metaspace {
    std::string mark;
    Regex mark_pattern;
    PrependScheme prepend;
    bool split;
  };
  using Step = std::variant<Split, Prefix, Metaspace>;

  void add(const JsonView& component, int depth);
  void add_byte_level(const JsonView& component);
  void add_metaspace(const JsonView& component);
  void add_split(const JsonView& component);
  static void apply(const Step& step, std::string_view text, bool at_start,
                    std::deque<std::string>& storage, std::vector<std::string_view>& words);

  std::vector<Step> steps_;
  bool byte_level_ = false;
};

}  // namespace cecollm::model
