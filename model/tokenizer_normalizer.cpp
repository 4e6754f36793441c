#include "model/tokenizer_normalizer.hpp"

#include <utility>

#include "model/quoting.hpp"

namespace cecollm::model {

Normalizer Normalizer::parse(const JsonView& component) {
  Normalizer normalizer;
  if (!component.is_null()) normalizer.add(component, 0);
  return normalizer;
}

void Normalizer::add(const JsonView& component, int depth) {
  const std::string type = component.member("type").string();
  if (component.failed()) return;
  if (type == "Sequence") {
    if (depth == JsonView::max_nesting) return component.malformed("is nested too deeply");
    const JsonView parts = component.member("normalizers");
    for (std::size_t i = 0; i < parts.size(); ++i) add(parts.element(i), depth + 1);
  } else if (type == "Prepend") {
    steps_.emplace_back(Prepend{component.member("prepend").string()});
  } else if (type == "Replace") {
    if (auto replacement = Replacement::parse(component)) {
      steps_.emplace_back(std::move(*replacement));
    }
  } else if (type == "NFC") {
    steps_.emplace_back(UnicodeForm::nfc);
  } else if (type == "NFD") {
    steps_.emplace_back(UnicodeForm::nfd);
  } else if (type == "NFKC") {
    steps_.emplace_back(UnicodeForm::nfkc);
  } else if (type == "NFKD") {
    steps_.emplace_back(UnicodeForm::nfkd);
  } else {
    component.unsupported("has the type " + in_quotes(type) +
                          ", a normalizer that is not implemented");
  }
}

std::string Normalizer::apply(std::string_view text) const {
  std::string result(text);
  for (const Step& step : steps_) {
    if (result.empty()) break;
    if (const auto* prepend = std::get_if<Prepend>(&step)) {
      result.insert(0, prepend->text);
    } else if (const auto* replacement = std::get_if<Replacement>(&step)) {
      result = replacement->apply(result);
    } else if (const auto* form = std::get_if<UnicodeForm>(&step)) {
      result = to_unicode_form(result, *form);
    }
  }
  return result;
}

}  // namespace cecollm::model
