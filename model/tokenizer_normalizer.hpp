#pragma once
// What happens to text before it is cut into words. Internal to the tokenizer.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/tokenizer_json.hpp"
#include "model/tokenizer_replacement.hpp"
#include "model/tokenizer_unicode_form.hpp"

namespace cecollm::model {

class Normalizer {
 public:
  /// Takes `normalizer`; null leaves text as it is. Problems go to the view's diagnosis.
  static Normalizer parse(const JsonView& component);

  bool is_identity() const { return steps_.empty(); }
  /// `text` must be well-formed UTF-8; empty text stays empty.
  std::string apply(std::string_view text) const;

 private:
  struct Prepend {
    std::string text;
  };
  using Step = std::variant<Prepend, Replacement, UnicodeForm>;
  void add(const JsonView& component, int depth);

  std::vector<Step> steps_;
};

}  // namespace cecollm::model
