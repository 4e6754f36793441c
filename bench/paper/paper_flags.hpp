#pragma once
// The flags of `cecollm bench paper` beside those of an edge's settings.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/failure.hpp"
#include "bench/paper/replayed_exits.hpp"
#include "bench/paper/response.hpp"

namespace CLI {
class App;
}

namespace cecollm::bench {

struct PaperFlags {
  std::string prompts;
  std::string texts = "bench/data/val.json";
  std::string question_file = "bench/data/eval.json";
  std::size_t most_prompts = 14;
  std::int64_t random_prompt_tokens = 0;
  std::size_t questions = 150;
  std::int64_t answer_tokens = 48;
  std::string thetas = "0.5,0.8,0.9,1";
  std::string modes = "cloud-only,naive,standalone,collaborative,asking-ahead";
  int repetitions = 3;
  double step_ms = 0;
  std::optional<double> replay_exits;
  double replay_first_exit = 0.96;
  bool run_ahead = false;
  bool no_judge = false;
  std::string out = "bench/results/paper";
};

void add_paper_flags(CLI::App& command, PaperFlags& flags);

/// The modes that the flags name, in the order of the table.
apps::Outcome<std::vector<Mode>> modes_of(const PaperFlags& flags);

/// None where confidence decides.
std::optional<ExitReplay> replay_of(const PaperFlags& flags);

}  // namespace cecollm::bench
