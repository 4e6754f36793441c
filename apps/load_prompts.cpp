#include "apps/load_prompts.hpp"

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "load/prompt_file.hpp"
#include <CLI/CLI.hpp>

namespace cecollm::apps {

void add_load_prompt_flags(CLI::App& command, LoadPromptFlags& flags) {
  command.add_option("--prompts", flags.file, "File with prompts")->type_name("FILE");
  command
      .add_option("--prompt-format", flags.format,
                  "lines, jsonl (prompt, text or prompt_ids; output_tokens) or sharegpt; auto goes "
                  "by the name's ending [auto]")
      ->type_name("auto|lines|jsonl|sharegpt");
  command
      .add_option("--prompt-tokens", flags.prompt_tokens,
                  "Cut prompts to a length: 64, uniform:16:256, normal:128:32, lognormal:96:0.7, "
                  "exponential:128")
      ->type_name("LENGTH");
  command
      .add_option("--output-tokens", flags.output_tokens,
                  "Tokens to generate, in the same spelling, at most --max-tokens")
      ->type_name("LENGTH");
  command.add_option("--max-prompts", flags.most, "Use no more than so many of them")
      ->type_name("N");
}

Outcome<std::optional<load::LengthDistribution>> lengths_in(const std::string& flag,
                                                            const std::string& text) {
  if (text.empty()) return std::optional<load::LengthDistribution>();
  const auto lengths = load::parse_length_distribution(text);
  if (!lengths) return misused(flag + ": " + lengths.error().message);
  return std::optional(*lengths);
}

Outcome<LoadPrompts> load_prompts(const LoadPromptFlags& flags, const model::Tokenizer* tokenizer,
                                  const model::ModelConfig& config, std::int64_t max_tokens,
                                  std::uint64_t seed) {
  const auto format = load::prompt_format_from_name(flags.format);
  if (!format) {
    return misused("--prompt-format '" + flags.format +
                   "' is none of auto, lines, jsonl, "
                   "sharegpt");
  }
  const auto cut = lengths_in("--prompt-tokens", flags.prompt_tokens);
  if (!cut) return tl::unexpected(cut.error());
  const auto outputs = lengths_in("--output-tokens", flags.output_tokens);
  if (!outputs) return tl::unexpected(outputs.error());
  const auto given = load::read_prompts(flags.file, *format);
  if (!given) return tl::unexpected(to_failure(given.error()));

  LoadPrompts result;
  std::mt19937_64 random(seed);
  std::set<std::vector<model::TokenId>> known;
  for (const auto& entry : *given) {
    if (flags.most > 0 && result.prompts.size() == flags.most) break;
    load::LoadPrompt prompt;
    if (const auto* text = std::get_if<std::string>(&entry.prompt)) {
      if (tokenizer == nullptr) {
        return misused(
            "the model has no tokenizer.json: give --prompts as JSON lines with "
            "prompt_ids");
      }
      prompt.ids = tokenizer->encode(*text, true);
    } else {
      prompt.ids = std::get<std::vector<model::TokenId>>(entry.prompt);
    }
    if (*cut) {
      const auto length = (*cut)->draw(random, config.max_positions);
      if (std::cmp_less(length, prompt.ids.size())) {
        prompt.ids.resize(static_cast<std::size_t>(length));
      }
    }
    prompt.most_tokens = entry.output_tokens.value_or(max_tokens);
    if (!entry.completion.empty() && tokenizer != nullptr) {
      prompt.most_tokens =
          static_cast<std::int64_t>(tokenizer->encode(entry.completion, false).size());
    }
    if (*outputs) prompt.most_tokens = (*outputs)->draw(random, max_tokens);
    prompt.most_tokens = std::clamp<std::int64_t>(prompt.most_tokens, 1, max_tokens);
    const bool known_id = std::ranges::all_of(
        prompt.ids, [&](model::TokenId id) { return id >= 0 && id < config.vocab_size; });
    const bool fits = !prompt.ids.empty() && std::cmp_less(prompt.ids.size(), config.max_positions);
    if (known_id && fits && known.insert(prompt.ids).second) {
      result.prompts.push_back(std::move(prompt));
    } else {
      ++result.left_out;
    }
  }
  if (result.prompts.empty()) {
    return misused(flags.file + " holds no prompt that fits the model's context of " +
                   std::to_string(config.max_positions) + " positions");
  }
  return result;
}

}  // namespace cecollm::apps
