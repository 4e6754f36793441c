#include "bench/paper/paper_flags.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include <CLI/CLI.hpp>

namespace cecollm::bench {
namespace {

/// Of the edge alone, and of every mode where exits are replayed: sure is 1, unsure 0.
constexpr float standalone_threshold = 0.8F;

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> items;
  std::size_t begin = 0;
  while (begin <= list.size()) {
    const auto end = std::min(list.find(',', begin), list.size());
    items.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

struct StrategyName {
  std::string_view name;
  Strategy strategy;
};
constexpr std::array strategies{StrategyName{"cloud-only", Strategy::cloud_only},
                                StrategyName{"naive", Strategy::naive},
                                StrategyName{"standalone", Strategy::standalone},
                                StrategyName{"collaborative", Strategy::collaborative},
                                StrategyName{"asking-ahead", Strategy::asking_ahead}};

}  // namespace

void add_paper_flags(CLI::App& command, PaperFlags& flags) {
  command
      .add_option("--prompts", flags.prompts,
                  "Prompts to answer: JSON lines with prompt, text or prompt_ids, or plain lines "
                  "[beginnings of --texts]")
      ->type_name("FILE");
  command.add_option("--texts", flags.texts, "Held-out texts by kind [bench/data/val.json]")
      ->type_name("FILE");
  command.add_option("--max-prompts", flags.most_prompts, "Use no more than so many [14]")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}));
  command
      .add_option("--random-prompts", flags.random_prompt_tokens,
                  "Prompts of so many random ids instead, for a model with random weights")
      ->type_name("P")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
  command
      .add_option("--questions", flags.questions,
                  "Questions whose answers are judged, evenly over --question-file; 0: none [150]")
      ->type_name("N");
  command
      .add_option("--question-file", flags.question_file,
                  "Questions with key answers [bench/data/eval.json]")
      ->type_name("FILE");
  command.add_option("--answer-tokens", flags.answer_tokens, "Longest answer to a question [48]")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000}));
  command
      .add_option("--theta", flags.thetas, "Thresholds of the collaborative modes [0.5,0.8,0.9,1]")
      ->type_name("X[,X]");
  command
      .add_option("--modes", flags.modes,
                  "Some of cloud-only, naive, standalone, collaborative, asking-ahead [all]")
      ->type_name("MODE[,MODE]");
  command.add_option("--repetitions", flags.repetitions, "Answers to each prompt in each mode [3]")
      ->type_name("N")
      ->check(CLI::Range(1, 10'000));
  command
      .add_option("--step-ms", flags.step_ms,
                  "Slow the passes of both sides down: all layers together take so long, as on a "
                  "larger model; 0: as fast as they are [0]")
      ->type_name("X")
      ->check(CLI::Range(0.0, 60'000.0));
  command
      .add_option("--replay-exits", flags.replay_exits,
                  "No exit is sure of this share of the tokens, drawn by --seed, whatever it "
                  "computes; the text then means nothing")
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 1.0));
  command
      .add_option("--replay-first-exit", flags.replay_first_exit,
                  "Share of the other tokens that the first exit takes [0.96]")
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 1.0));
  command.add_flag("--run-ahead", flags.run_ahead,
                   "Let an idle cloud compute rows that it was not asked about yet, which is its "
                   "own default; here it computes when it is asked, as the paper's does");
  command.add_flag("--no-judge", flags.no_judge,
                   "Do not load the full model: no agreement, no questions");
  command.add_option("--out", flags.out, "Directory of the results [bench/results/paper]")
      ->type_name("DIR");
}

apps::Outcome<std::vector<Mode>> modes_of(const PaperFlags& flags) {
  const auto wanted = split(flags.modes);
  for (const auto& name : wanted) {
    if (std::ranges::find(strategies, name, &StrategyName::name) == strategies.end()) {
      return apps::misused("--modes: '" + name +
                           "' is none of cloud-only, naive, standalone, collaborative, "
                           "asking-ahead");
    }
  }
  std::vector<Mode> modes;
  for (const auto& [name, strategy] : strategies) {
    if (std::ranges::find(wanted, name) == wanted.end()) continue;
    const bool by_threshold =
        strategy == Strategy::collaborative || strategy == Strategy::asking_ahead;
    if (!by_threshold || flags.replay_exits) {
      modes.push_back({strategy, standalone_threshold, std::string(name)});
      continue;
    }
    for (const auto& text : split(flags.thetas)) {
      float threshold = 0;
      const auto* end = text.data() + text.size();
      const auto read = std::from_chars(text.data(), end, threshold);
      if (read.ec != std::errc() || read.ptr != end) {
        return apps::misused("--theta: '" + text + "' is no number");
      }
      modes.push_back({strategy, threshold, std::string(name) + " θ=" + text});
    }
  }
  return modes;
}

std::optional<ExitReplay> replay_of(const PaperFlags& flags) {
  if (!flags.replay_exits) return std::nullopt;
  return ExitReplay{*flags.replay_exits, flags.replay_first_exit};
}

}  // namespace cecollm::bench
