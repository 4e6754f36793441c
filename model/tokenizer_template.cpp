#include "model/tokenizer_template.hpp"

#include <string>
#include <utility>

#include "model/quoting.hpp"

namespace cecollm::model {

Template Template::parse(const JsonView& component, const Vocabulary& vocabulary) {
  Template result;
  if (!component.is_null()) result.add(component, vocabulary, 0);
  return result;
}

void Template::add(const JsonView& component, const Vocabulary& vocabulary, int depth) {
  const std::string type = component.member("type").string();
  if (component.failed()) return;
  if (type == "Sequence") {
    if (depth == JsonView::max_nesting) return component.malformed("is nested too deeply");
    const JsonView parts = component.member("processors");
    for (std::size_t i = 0; i < parts.size(); ++i) add(parts.element(i), vocabulary, depth + 1);
  } else if (type == "TemplateProcessing") {
    if (parts_) return component.unsupported("is a second template, which is not implemented");
    add_template(component, vocabulary);
  } else if (type != "ByteLevel") {  // which only trims offsets
    component.unsupported("has the type " + in_quotes(type) +
                          ", a post-processor that is not implemented");
  }
}

void Template::add_template(const JsonView& component, const Vocabulary& vocabulary) {
  std::vector<Part>& parts = parts_.emplace();
  const JsonView single = component.member("single");
  for (std::size_t i = 0; i < single.size(); ++i) {
    const JsonView part = single.element(i);
    const JsonView sequence = part.member("Sequence");
    if (!sequence.is_null()) {
      const JsonView id = sequence.member("id");
      if (id.string() != "A") id.malformed("should be A, the only sequence of a single template");
      parts.emplace_back(std::nullopt);
      continue;
    }
    const std::string name = part.member("SpecialToken").member("id").string();
    const JsonView token = component.member("special_tokens").member(name);
    if (token.is_null())
      return part.malformed("names " + in_quotes(name) + ", no token of the template");
    parts.emplace_back(special_tokens(token, vocabulary));
  }
}

Template::SpecialTokens Template::special_tokens(const JsonView& token,
                                                 const Vocabulary& vocabulary) {
  SpecialTokens ids;
  const JsonView list = token.member("ids");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const JsonView element = list.element(i);
    const auto id = static_cast<TokenId>(element.integer(0, Vocabulary::max_id));
    if (!vocabulary.contains(id)) element.malformed("is not the id of any token");
    ids.push_back(id);
  }
  return ids;
}

std::vector<TokenId> Template::apply(std::vector<TokenId> ids, bool add_special) const {
  if (!parts_) return ids;
  std::vector<TokenId> result;
  result.reserve(ids.size() + parts_->size());
  for (const Part& part : *parts_) {
    if (!part) {
      result.insert(result.end(), ids.begin(), ids.end());
    } else if (add_special) {
      result.insert(result.end(), part->begin(), part->end());
    }
  }
  return result;
}

}  // namespace cecollm::model
