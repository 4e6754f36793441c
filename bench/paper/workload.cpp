#include "bench/paper/workload.hpp"

#include <algorithm>
#include <map>
#include <utility>
#include <variant>

#include "load/prompt_file.hpp"

#include "bench/held_out_texts.hpp"
#include "model/sampling.hpp"

namespace cecollm::bench {
namespace {

using Ids = std::vector<model::TokenId>;
using Prompts = std::vector<Ids>;

/// The first text of each kind, then the second of each, …
std::vector<std::string> in_turn(const std::vector<HeldOutPrompt>& texts, std::size_t most) {
  std::map<std::string, std::vector<std::string>> kinds;
  for (const auto& [kind, text] : texts) {
    if (kind != "questions") kinds[kind].push_back(text);
  }
  std::vector<std::string> chosen;
  bool more = true;
  for (std::size_t round = 0; more; ++round) {
    more = false;
    for (const auto& [kind, list] : kinds) {
      if (round >= list.size() || chosen.size() == most) continue;
      chosen.push_back(list[round]);
      more = true;
    }
  }
  return chosen;
}

Prompts random_prompts(const WorkloadSetting& setting, const model::ModelConfig& config) {
  Prompts prompts(setting.most_prompts);
  std::uint64_t drawn = 0;
  for (auto& ids : prompts) {
    for (std::int64_t i = 0; i < setting.random_prompt_tokens; ++i) {
      const double at = model::counter_uniform(setting.seed, drawn++);
      ids.push_back(static_cast<model::TokenId>(at * config.vocab_size));
    }
  }
  return prompts;
}

apps::Outcome<Prompts> prompts_of_file(const WorkloadSetting& setting,
                                       const model::Tokenizer* tokenizer) {
  const auto entries = load::read_prompts(setting.prompts, load::PromptFormat::automatic);
  if (!entries) return tl::unexpected(apps::to_failure(entries.error()));
  Prompts prompts;
  for (const auto& entry : *entries) {
    if (prompts.size() == setting.most_prompts) break;
    const auto* text = std::get_if<std::string>(&entry.prompt);
    if (text != nullptr && tokenizer == nullptr) {
      return apps::misused(
          setting.prompts.string() +
          ": the model has no tokenizer.json: give prompt_ids, or --random-prompts");
    }
    prompts.push_back(text != nullptr ? tokenizer->encode(*text, true)
                                      : std::get<Ids>(entry.prompt));
  }
  return prompts;
}

apps::Outcome<Prompts> prompts_of_texts(const WorkloadSetting& setting,
                                        const model::Tokenizer* tokenizer) {
  if (tokenizer == nullptr) {
    return apps::misused("the model has no tokenizer.json: give --random-prompts P or --prompts");
  }
  const auto texts = held_out_prompts(setting.texts);
  if (!texts) return tl::unexpected(texts.error());
  Prompts prompts;
  for (const auto& text : in_turn(*texts, setting.most_prompts)) {
    prompts.push_back(tokenizer->encode(text, true));
  }
  return prompts;
}

apps::Outcome<std::vector<Question>> questions_of(const WorkloadSetting& setting,
                                                  const model::Tokenizer& tokenizer) {
  std::vector<Question> questions;
  if (setting.most_questions == 0) return questions;
  const auto all = held_out_questions(setting.questions);
  if (!all) return tl::unexpected(all.error());
  const auto count = std::min(setting.most_questions, all->size());
  for (std::size_t i = 0; i < count; ++i) {
    const auto& [prompt, key, kind] = (*all)[i * all->size() / count];
    questions.push_back({tokenizer.encode(prompt, true), key, kind});
  }
  return questions;
}

std::string describe(const Workload& workload, const WorkloadSetting& setting) {
  std::size_t tokens = 0;
  for (const auto& prompt : workload.prompts) tokens += prompt.size();
  const auto count = workload.prompts.size();
  const std::string source = setting.random_prompt_tokens > 0 ? "random token ids"
                             : setting.prompts.empty()        ? setting.texts.string()
                                                              : setting.prompts.string();
  return std::to_string(count) + " prompts of " + std::to_string(tokens / count) +
         " tokens on average (" + source + ")";
}

}  // namespace

apps::Outcome<Workload> load_workload(const WorkloadSetting& setting,
                                      const model::Tokenizer* tokenizer,
                                      const model::ModelConfig& config) {
  auto prompts = setting.random_prompt_tokens > 0
                     ? apps::Outcome<Prompts>(random_prompts(setting, config))
                 : setting.prompts.empty() ? prompts_of_texts(setting, tokenizer)
                                           : prompts_of_file(setting, tokenizer);
  if (!prompts) return tl::unexpected(prompts.error());
  Workload workload;
  const auto room = config.max_positions - setting.max_tokens;
  for (auto& ids : *prompts) {
    const bool known = std::ranges::all_of(
        ids, [&](model::TokenId id) { return id >= 0 && id < config.vocab_size; });
    if (!known || ids.empty() || std::cmp_greater(ids.size(), room)) {
      return apps::misused("prompt " + std::to_string(workload.prompts.size() + 1) + " has " +
                           std::to_string(ids.size()) +
                           " ids, some of them unknown to the model or too many for an answer of " +
                           std::to_string(setting.max_tokens) + " tokens in its context of " +
                           std::to_string(config.max_positions));
    }
    workload.prompts.push_back(std::move(ids));
  }
  if (workload.prompts.empty()) return apps::misused("there is no prompt: raise --max-prompts");
  if (tokenizer != nullptr) {
    auto questions = questions_of(setting, *tokenizer);
    if (!questions) return tl::unexpected(questions.error());
    workload.questions = *std::move(questions);
  }
  workload.description = describe(workload, setting);
  return workload;
}

}  // namespace cecollm::bench
