#pragma once
// Prompts from a file: plain lines, JSON lines, or the JSON of ShareGPT. Input that nobody vouches
// for: bounded, and refused with file and line.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/config.hpp"
#include "model/error.hpp"

namespace cecollm::load {

struct FilePrompt {
  std::variant<std::string, std::vector<model::TokenId>> prompt;
  std::optional<std::int64_t> output_tokens;  // where the file says how long the answer is
  std::string completion;                     // or what it is
};

enum class PromptFormat {
  automatic,  // by the name's ending: .jsonl, .json (ShareGPT), else lines
  lines,      // a prompt a line; empty lines are passed over
  jsonl,      // an object a line: "prompt" or "text", or "prompt_ids"; "output_tokens" may follow
  sharegpt,   // [{"conversations": [{"from": "human", "value": …}, {"from": "gpt", …}]}]
};
/// "auto", "lines", "jsonl", "sharegpt".
std::optional<PromptFormat> prompt_format_from_name(std::string_view name);

inline constexpr std::size_t most_prompt_file_bytes = std::size_t{1} << 30U;

/// At least one prompt. Conversations of ShareGPT that do not begin with a human's turn and an
/// answer are passed over, as vLLM's benchmark does.
model::Result<std::vector<FilePrompt>> parse_prompts(std::string_view text, PromptFormat format,
                                                     const std::string& name);
model::Result<std::vector<FilePrompt>> read_prompts(const std::filesystem::path& file,
                                                    PromptFormat format);

}  // namespace cecollm::load
