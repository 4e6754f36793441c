#pragma once
// Filters, tests and methods by their names. Internal to the chat template. Failures go to the
// run; a name that is not implemented is one.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/chat_template_run.hpp"
#include "model/chat_value.hpp"

namespace cecollm::model {

struct CallArguments {
  std::vector<ChatValue> positional;
  ChatEntries named;

  /// The argument at `position`, or the one of that name; undefined where there is neither.
  ChatValue get(std::size_t position, std::string_view name = "") const {
    if (position < positional.size()) return positional[position];
    const auto* found = name.empty() ? nullptr : find_entry(named, name);
    return found == nullptr ? ChatValue() : *found;
  }
  /// Without the first `count` positional ones.
  CallArguments from(std::size_t count) const {
    CallArguments rest{{}, named};
    if (count < positional.size()) {
      rest.positional.assign(positional.begin() + static_cast<std::ptrdiff_t>(count),
                             positional.end());
    }
    return rest;
  }
};

ChatValue apply_filter(std::string_view name, const ChatValue& input,
                       const CallArguments& arguments, TemplateRun& run);
bool apply_test(std::string_view name, const ChatValue& input, const CallArguments& arguments,
                TemplateRun& run);
ChatValue call_method(const ChatValue& object, std::string_view name,
                      const CallArguments& arguments, TemplateRun& run);

// Methods that are filters, too.

enum class Side { left, right, both };
/// Without white space, or without the characters of `unwanted` where that is a string.
ChatValue stripped(const std::string& text, const ChatValue& unwanted, Side side, TemplateRun& run);
ChatValue replaced(const std::string& text, const CallArguments& arguments, TemplateRun& run);
enum class LetterCase { lower, upper, title, capitalized };
ChatValue in_case(const std::string& text, LetterCase wanted, TemplateRun& run);

}  // namespace cecollm::model
