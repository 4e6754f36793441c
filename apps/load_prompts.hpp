#pragma once
// --prompts FILE and what is made of its prompts before they are recorded or sent.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "load/workload.hpp"

#include "apps/failure.hpp"
#include "model/config.hpp"
#include "model/tokenizer.hpp"

namespace CLI {
class App;
}

namespace cecollm::apps {

struct LoadPromptFlags {
  std::string file;
  std::string format = "auto";
  std::string prompt_tokens;  // a length distribution; empty: as they are
  std::string output_tokens;
  std::size_t most = 0;  // prompts; 0: all
};

/// Adds --prompts, --prompt-format, --prompt-tokens, --output-tokens and --max-prompts.
void add_load_prompt_flags(CLI::App& command, LoadPromptFlags& flags);

/// The distribution in `text`, none where it is empty; `flag` is for the message.
Outcome<std::optional<load::LengthDistribution>> lengths_in(const std::string& flag,
                                                            const std::string& text);

struct LoadPrompts {
  std::vector<load::LoadPrompt> prompts;  // at least one
  std::size_t left_out = 0;               // empty, too long for the model, or there before
};

/// Reads, tokenizes and cuts them. What a prompt may ask for is what --output-tokens draws, else
/// what the file says of it, at most `max_tokens`. `tokenizer` null: the file has to give ids.
Outcome<LoadPrompts> load_prompts(const LoadPromptFlags& flags, const model::Tokenizer* tokenizer,
                                  const model::ModelConfig& config, std::int64_t max_tokens,
                                  std::uint64_t seed);

}  // namespace cecollm::apps
