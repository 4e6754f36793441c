#include "model/tokenizer_decoder.hpp"

#include <utility>

#include "model/quoting.hpp"

namespace cecollm::model {

Decoder Decoder::parse(const JsonView& component) {
  Decoder decoder;
  if (component.is_null()) {
    decoder.steps_.emplace_back(Join{});
  } else {
    decoder.add(component, 0);
  }
  return decoder;
}

void Decoder::add(const JsonView& component, int depth) {
  const std::string type = component.member("type").string();
  if (component.failed()) return;
  if (type == "Sequence") {
    if (depth == JsonView::max_nesting) return component.malformed("is nested too deeply");
    const JsonView parts = component.member("decoders");
    for (std::size_t i = 0; i < parts.size(); ++i) add(parts.element(i), depth + 1);
    return;
  }
  if (type == "Strip") return add_strip(component);
  if (type == "Fuse") {
    if (!fused_) steps_.emplace_back(Fuse{});
    fused_ = true;
    return;
  }
  if (fused_) {
    return component.unsupported("has the type " + in_quotes(type) +
                                 ", which is not implemented behind Fuse or ByteLevel");
  }
  if (type == "ByteLevel") {
    steps_.emplace_back(ByteLevel{});
    fused_ = true;
  } else if (type == "ByteFallback") {
    steps_.emplace_back(ByteFallback{});
  } else if (type == "Metaspace") {
    std::string mark = component.member("replacement").character();
    steps_.emplace_back(Metaspace{std::move(mark), parse_prepend_scheme(component)});
  } else if (type == "Replace") {
    if (auto replacement = Replacement::parse(component)) {
      steps_.emplace_back(std::move(*replacement));
    }
  } else {
    component.unsupported("has the type " + in_quotes(type) +
                          ", a decoder that is not implemented");
  }
}

void Decoder::add_strip(const JsonView& component) {
  constexpr std::int64_t limit = 1 << 20;
  std::string character = component.member("content").character();
  const auto start = static_cast<std::size_t>(component.member("start").integer(0, limit));
  const auto stop = static_cast<std::size_t>(component.member("stop").integer(0, limit));
  steps_.emplace_back(Strip{std::move(character), start, stop, fused_});
}

}  // namespace cecollm::model
