#include "load/prompt_file.hpp"

#include <limits>
#include <utility>

#include <nlohmann/json.hpp>

#include "model/json_file.hpp"

namespace cecollm::load {
namespace {

using model::ErrorCode;
using nlohmann::json;
using Prompts = std::vector<FilePrompt>;

constexpr std::int64_t most_output_tokens = 1'000'000;

/// `text` without its line end; what is left after it stays in `rest`.
std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Prompts lines_of(std::string_view text) {
  Prompts prompts;
  while (!text.empty()) {
    if (const auto line = take_line(text); !line.empty()) {
      prompts.emplace_back().prompt = std::string(line);
    }
  }
  return prompts;
}

/// The ids in `value`, or nothing where it is no list of ids.
std::optional<std::vector<model::TokenId>> ids_in(const json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<model::TokenId> ids;
  for (const auto& id : value) {
    if (!id.is_number_integer() || id < 0 || id > std::numeric_limits<model::TokenId>::max()) {
      return std::nullopt;
    }
    ids.push_back(id.get<model::TokenId>());
  }
  return ids;
}

/// One object of JSON lines; the text says what is wrong with it.
tl::expected<FilePrompt, std::string> prompt_in(const json& object) {
  if (!object.is_object()) return tl::unexpected<std::string>("is no JSON object");
  FilePrompt prompt;
  const auto text = object.contains("prompt") ? object.find("prompt") : object.find("text");
  if (text != object.end() && text->is_string()) {
    prompt.prompt = text->get<std::string>();
  } else if (const auto given = object.find("prompt_ids"); given != object.end()) {
    auto ids = ids_in(*given);
    if (!ids) return tl::unexpected<std::string>("prompt_ids is no list of token ids");
    prompt.prompt = std::move(*ids);
  } else {
    return tl::unexpected<std::string>("has neither prompt nor text nor prompt_ids");
  }
  if (const auto tokens = object.find("output_tokens"); tokens != object.end()) {
    if (!tokens->is_number_integer() || *tokens < 1 || *tokens > most_output_tokens) {
      return tl::unexpected<std::string>("output_tokens is no whole number from 1 to " +
                                         std::to_string(most_output_tokens));
    }
    prompt.output_tokens = tokens->get<std::int64_t>();
  }
  return prompt;
}

model::Result<Prompts> json_lines_of(std::string_view text, const std::string& name) {
  Prompts prompts;
  for (int number = 1; !text.empty(); ++number) {
    const auto line = take_line(text);
    if (line.empty()) continue;
    auto prompt = prompt_in(json::parse(line, nullptr, false));
    if (!prompt) {
      return model::fail(ErrorCode::malformed,
                         name + ":" + std::to_string(number) + ": the line " + prompt.error());
    }
    prompts.push_back(*std::move(prompt));
  }
  return prompts;
}

/// What a turn of a conversation says, where `who` says it.
std::optional<std::string> said_by(const json& turn, std::string_view who) {
  if (!turn.is_object()) return std::nullopt;
  const auto from = turn.find("from");
  const auto value = turn.find("value");
  if (from == turn.end() || value == turn.end() || !from->is_string() ||
      from->get_ref<const std::string&>() != who || !value->is_string()) {
    return std::nullopt;
  }
  return value->get<std::string>();
}

model::Result<Prompts> conversations_of(std::string_view text, const std::string& name) {
  const auto all = json::parse(text, nullptr, false);
  if (!all.is_array()) {
    return model::fail(ErrorCode::malformed, name + " is no JSON list of conversations");
  }
  Prompts prompts;
  for (const auto& entry : all) {
    const auto turns = entry.is_object() ? entry.find("conversations") : entry.end();
    if (turns == entry.end() || !turns->is_array() || turns->size() < 2) continue;
    auto question = said_by((*turns)[0], "human");
    auto answer = said_by((*turns)[1], "gpt");
    if (!question || !answer || question->empty()) continue;
    FilePrompt prompt;
    prompt.prompt = std::move(*question);
    prompt.completion = std::move(*answer);
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

PromptFormat format_of(const std::string& name) {
  if (name.ends_with(".jsonl")) return PromptFormat::jsonl;
  if (name.ends_with(".json")) return PromptFormat::sharegpt;
  return PromptFormat::lines;
}

}  // namespace

std::optional<PromptFormat> prompt_format_from_name(std::string_view name) {
  constexpr std::pair<std::string_view, PromptFormat> formats[] = {
      {"auto", PromptFormat::automatic},
      {"lines", PromptFormat::lines},
      {"jsonl", PromptFormat::jsonl},
      {"sharegpt", PromptFormat::sharegpt}};
  for (const auto& [known, format] : formats) {
    if (known == name) return format;
  }
  return std::nullopt;
}

model::Result<Prompts> parse_prompts(std::string_view text, PromptFormat format,
                                     const std::string& name) {
  if (format == PromptFormat::automatic) format = format_of(name);
  auto prompts = format == PromptFormat::jsonl      ? json_lines_of(text, name)
                 : format == PromptFormat::sharegpt ? conversations_of(text, name)
                                                    : model::Result<Prompts>(lines_of(text));
  if (prompts && prompts->empty()) {
    return model::fail(ErrorCode::malformed, name + " holds no prompts");
  }
  return prompts;
}

model::Result<Prompts> read_prompts(const std::filesystem::path& file, PromptFormat format) {
  const auto text = model::read_file(file, most_prompt_file_bytes);
  if (!text) return tl::unexpected(text.error());
  return parse_prompts(*text, format, file.string());
}

}  // namespace cecollm::load
