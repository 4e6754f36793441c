#pragma once
// A chat template cut into tokens, with white space already trimmed as tags and their signs ask.
// Internal to the chat template.

#include <string>
#include <string_view>
#include <vector>

#include "model/error.hpp"

namespace cecollm::model {

struct TemplateToken {
  enum class Kind {
    text,       // to be written as it stands
    print,      // {{
    print_end,  // }}
    tag,        // {%
    tag_end,    // %}
    name,
    string,  // its value
    integer,
    real,
    symbol,
    end,
  };
  Kind kind;
  std::string text;
  int line;
};

/// Ends with a token of kind `end`. Fails with `malformed`; the message begins with the line.
Result<std::vector<TemplateToken>> tokenize_template(std::string_view source);

}  // namespace cecollm::model
