#pragma once
// The `Replace` component, which is both a normalizer and a decoder step. Internal to the
// tokenizer.

#include <optional>
#include <string>
#include <string_view>

#include "model/tokenizer_json.hpp"
#include "model/tokenizer_regex.hpp"

namespace cecollm::model {

/// Reads `{"String": …}` or `{"Regex": …}`; problems go to the view's diagnosis.
std::optional<Regex> parse_pattern(const JsonView& pattern);

class Replacement {
 public:
  static std::optional<Replacement> parse(const JsonView& component);

  /// `text` with every match replaced.
  std::string apply(std::string_view text) const;

 private:
  Replacement(Regex pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  Regex pattern_;
  std::string content_;
};

}  // namespace cecollm::model
