#include "model/tokenizer_replacement.hpp"

#include <utility>
#include <vector>

namespace cecollm::model {

std::optional<Regex> parse_pattern(const JsonView& pattern) {
  const JsonView literal = pattern.member("String");
  const JsonView expression = pattern.member("Regex");
  if (literal.is_null() == expression.is_null()) {
    pattern.malformed("should be an object with either String or Regex");
    return std::nullopt;
  }
  const JsonView& given = literal.is_null() ? expression : literal;
  const std::string text = given.string();
  if (pattern.failed()) return std::nullopt;
  auto regex = literal.is_null() ? Regex::compile(text) : Regex::compile_literal(text);
  if (!regex) {
    const Error& error = regex.error();
    error.code == ErrorCode::unsupported ? given.unsupported(error.message)
                                         : given.malformed(error.message);
    return std::nullopt;
  }
  return std::move(*regex);
}

std::optional<Replacement> Replacement::parse(const JsonView& component) {
  auto pattern = parse_pattern(component.member("pattern"));
  std::string content = component.member("content").string();
  if (!pattern || component.failed()) return std::nullopt;
  return Replacement(std::move(*pattern), std::move(content));
}

std::string Replacement::apply(std::string_view text) const {
  std::vector<MatchRange> matches;
  pattern_.find_all(text, matches);
  std::string result;
  result.reserve(text.size() + matches.size() * content_.size());
  std::size_t position = 0;
  for (const MatchRange& match : matches) {
    result += text.substr(position, match.begin - position);
    result += content_;
    position = match.end;
  }
  result += text.substr(position);
  return result;
}

}  // namespace cecollm::model
