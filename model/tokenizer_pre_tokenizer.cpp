#include "model/tokenizer_pre_tokenizer.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "model/quoting.hpp"
#include "model/tokenizer_replacement.hpp"

namespace cecollm::model {

namespace {

// GPT-2's, which ByteLevel applies unless a Split went before it (encoder.py of GPT-2).
constexpr std::string_view gpt2_words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

struct TextPart {
  std::size_t begin;
  std::size_t end;
  bool is_match;
};

// The whole text as matches and the stretches between them.
std::vector<TextPart> parts_of(std::size_t length, const std::vector<MatchRange>& matches,
                               bool invert) {
  std::vector<TextPart> parts;
  parts.reserve(2 * matches.size() + 1);
  std::size_t position = 0;
  for (const MatchRange& match : matches) {
    if (match.begin > position) parts.push_back({position, match.begin, invert});
    parts.push_back({match.begin, match.end, !invert});
    position = match.end;
  }
  if (position < length) parts.push_back({position, length, invert});
  return parts;
}

// A match joins what lies before it, unless that is a match itself.
void merge_with_previous(std::vector<TextPart>& parts) {
  std::vector<TextPart> merged;
  bool previous_is_match = false;
  for (const TextPart& part : parts) {
    if (part.is_match && !previous_is_match && !merged.empty()) {
      merged.back().end = part.end;
    } else {
      merged.push_back(part);
    }
    previous_is_match = part.is_match;
  }
  parts = std::move(merged);
}

void merge_with_next(std::vector<TextPart>& parts) {
  std::vector<TextPart> merged;
  bool next_is_match = false;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (part->is_match && !next_is_match && !merged.empty()) {
      merged.back().begin = part->begin;
    } else {
      merged.push_back(*part);
    }
    next_is_match = part->is_match;
  }
  std::reverse(merged.begin(), merged.end());
  parts = std::move(merged);
}

void merge_equal_neighbours(std::vector<TextPart>& parts) {
  std::vector<TextPart> merged;
  for (const TextPart& part : parts) {
    if (!merged.empty() && merged.back().is_match == part.is_match) {
      merged.back().end = part.end;
    } else {
      merged.push_back(part);
    }
  }
  parts = std::move(merged);
}

std::optional<Regex> compile(const JsonView& component, std::string_view pattern) {
  auto regex = Regex::compile(pattern);
  if (regex) return std::move(*regex);
  component.unsupported(regex.error().message);
  return std::nullopt;
}

}  // namespace

void split_at(std::string_view text, const std::vector<MatchRange>& matches, SplitBehavior behavior,
              bool invert, std::vector<std::string_view>& parts) {
  std::vector<TextPart> ranges = parts_of(text.size(), matches, invert);
  switch (behavior) {
    case SplitBehavior::removed:
      std::erase_if(ranges, [](const TextPart& part) { return part.is_match; });
      break;
    case SplitBehavior::isolated:
      break;
    case SplitBehavior::contiguous:
      merge_equal_neighbours(ranges);
      break;
    case SplitBehavior::merged_with_previous:
      merge_with_previous(ranges);
      break;
    case SplitBehavior::merged_with_next:
      merge_with_next(ranges);
      break;
  }
  for (const TextPart& range : ranges) {
    if (range.end > range.begin) {
      parts.push_back(text.substr(range.begin, range.end - range.begin));
    }
  }
}

PrependScheme parse_prepend_scheme(const JsonView& metaspace) {
  const JsonView given = metaspace.member("prepend_scheme");
  const bool add_prefix_space = metaspace.member("add_prefix_space").boolean_or(true);
  if (given.is_null()) return add_prefix_space ? PrependScheme::always : PrependScheme::never;
  const std::string scheme = given.string();
  if (scheme == "never") return PrependScheme::never;
  if (!add_prefix_space) given.malformed("contradicts add_prefix_space: false");
  if (scheme == "first") return PrependScheme::first;
  if (scheme != "always") given.malformed("should be always, first or never");
  return PrependScheme::always;
}

PreTokenizer PreTokenizer::parse(const JsonView& component) {
  PreTokenizer pre_tokenizer;
  if (!component.is_null()) pre_tokenizer.add(component, 0);
  return pre_tokenizer;
}

void PreTokenizer::add(const JsonView& component, int depth) {
  const std::string type = component.member("type").string();
  if (component.failed()) return;
  if (type == "Sequence") {
    if (depth == JsonView::max_nesting) return component.malformed("is nested too deeply");
    const JsonView parts = component.member("pretokenizers");
    for (std::size_t i = 0; i < parts.size(); ++i) add(parts.element(i), depth + 1);
    return;
  }
  if (byte_level_) {
    return component.unsupported("follows a ByteLevel pre-tokenizer, which has to be the last");
  }
  if (type == "ByteLevel") {
    add_byte_level(component);
  } else if (type == "Split") {
    add_split(component);
  } else if (type == "Digits") {
    const bool individual = component.member("individual_digits").boolean_or(false);
    if (auto digits = compile(component, R"(\p{N})")) {
      const auto behavior = individual ? SplitBehavior::isolated : SplitBehavior::contiguous;
      steps_.emplace_back(Split{std::move(*digits), behavior, false});
    }
  } else if (type == "Metaspace") {
    add_metaspace(component);
  } else {
    component.unsupported("has the type " + in_quotes(type) +
                          ", a pre-tokenizer that is not implemented");
  }
}

// trim_offsets only concerns offsets, which nobody asks for here.
void PreTokenizer::add_byte_level(const JsonView& component) {
  byte_level_ = true;
  if (component.member("add_prefix_space").boolean_or(true)) steps_.emplace_back(Prefix{});
  if (!component.member("use_regex").boolean_or(true)) return;
  if (auto words = compile(component, gpt2_words)) {
    steps_.emplace_back(Split{std::move(*words), SplitBehavior::isolated, false});
  }
}

void PreTokenizer::add_split(const JsonView& component) {
  const JsonView behavior_given = component.member("behavior");
  const std::string name = behavior_given.string();
  SplitBehavior behavior = SplitBehavior::isolated;
  if (name == "Removed") {
    behavior = SplitBehavior::removed;
  } else if (name == "Contiguous") {
    behavior = SplitBehavior::contiguous;
  } else if (name == "MergedWithPrevious") {
    behavior = SplitBehavior::merged_with_previous;
  } else if (name == "MergedWithNext") {
    behavior = SplitBehavior::merged_with_next;
  } else if (name != "Isolated") {
    behavior_given.malformed("is " + in_quotes(name) + ", no way to split");
  }
  const bool invert = component.member("invert").boolean_or(false);
  if (auto pattern = parse_pattern(component.member("pattern"))) {
    steps_.emplace_back(Split{std::move(*pattern), behavior, invert});
  }
}

void PreTokenizer::add_metaspace(const JsonView& component) {
  std::string mark = component.member("replacement").character();
  const PrependScheme prepend = parse_prepend_scheme(component);
  const bool split = component.member("split").boolean_or(true);
  auto pattern = Regex::compile_literal(mark);
  if (component.failed() || !pattern) return;
  steps_.emplace_back(Metaspace{std::move(mark), std::move(*pattern), prepend, split});
}

void PreTokenizer::apply(std::string_view text, bool at_start, std::deque<std::string>& storage,
                         std::vector<std::string_view>& words) const {
  if (steps_.empty()) {
    if (!text.empty()) words.push_back(text);
    return;
  }
  if (steps_.size() == 1) return apply(steps_.front(), text, at_start, storage, words);
  std::vector<std::string_view> pieces{text};
  std::vector<std::string_view> next;
  for (const Step& step : steps_) {
    next.clear();
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      apply(step, pieces[i], at_start && i == 0, storage, next);
    }
    const bool start_removed = std::holds_alternative<Split>(step) && !next.empty() &&
                               next.front().data() != pieces.front().data();
    at_start = at_start && !start_removed;
    pieces.swap(next);
  }
  words.insert(words.end(), pieces.begin(), pieces.end());
}

void PreTokenizer::apply(const Step& step, std::string_view text, bool at_start,
                         std::deque<std::string>& storage, std::vector<std::string_view>& words) {
  if (text.empty()) return;
  std::vector<MatchRange> matches;
  if (const auto* split = std::get_if<Split>(&step)) {
    split->pattern.find_all(text, matches);
    split_at(text, matches, split->behavior, split->invert, words);
  } else if (std::holds_alternative<Prefix>(step)) {
    words.push_back(text.front() == ' ' ? text : storage.emplace_back(" ").append(text));
  } else if (const auto* metaspace = std::get_if<Metaspace>(&step)) {
    std::string& marked = storage.emplace_back();
    for (const char byte : text) {
      if (byte == ' ') {
        marked += metaspace->mark;
      } else {
        marked += byte;
      }
    }
    const bool prepend = metaspace->prepend == PrependScheme::always ||
                         (metaspace->prepend == PrependScheme::first && at_start);
    if (prepend && !marked.starts_with(metaspace->mark)) marked.insert(0, metaspace->mark);
    if (!metaspace->split) {
      words.emplace_back(marked);
      return;
    }
    metaspace->mark_pattern.find_all(marked, matches);
    split_at(marked, matches, SplitBehavior::merged_with_next, false, words);
  }
}

}  // namespace cecollm::model
