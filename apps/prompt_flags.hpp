#pragma once
// --prompt TEXT | --prompt-file FILE | --prompt-ids 1,2,3

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "apps/failure.hpp"
#include "model/config.hpp"

namespace CLI {
class App;
}

namespace cecollm::apps {

using Prompt = std::variant<std::string, std::vector<model::TokenId>>;

struct PromptFlags {
  std::optional<std::string> text;
  std::optional<std::string> file;
  std::vector<model::TokenId> ids;
};

void add_prompt_flags(CLI::App& command, PromptFlags& flags);

/// The one prompt that was given; more or fewer is misuse.
Outcome<Prompt> prompt_of(const PromptFlags& flags);

}  // namespace cecollm::apps
