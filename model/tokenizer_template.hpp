#pragma once
// Post-processing: special tokens put around the encoded text. Internal to the tokenizer.

#include <optional>
#include <vector>

#include "model/config.hpp"
#include "model/tokenizer_json.hpp"
#include "model/tokenizer_vocabulary.hpp"

namespace cecollm::model {

class Template {
 public:
  /// Takes `post_processor`; null adds nothing. Problems go to the view's diagnosis.
  static Template parse(const JsonView& component, const Vocabulary& vocabulary);

  std::vector<TokenId> apply(std::vector<TokenId> ids, bool add_special) const;

 private:
  using SpecialTokens = std::vector<TokenId>;
  // Without special tokens a part stands for the encoded text.
  using Part = std::optional<SpecialTokens>;

  void add(const JsonView& component, const Vocabulary& vocabulary, int depth);
  void add_template(const JsonView& component, const Vocabulary& vocabulary);
  static SpecialTokens special_tokens(const JsonView& token, const Vocabulary& vocabulary);

  std::optional<std::vector<Part>> parts_;
};

}  // namespace cecollm::model
