#include "bench/paper/paper_command.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "apps/setting_flags.hpp"
#include "bench/machine.hpp"
#include "bench/paper/measurement.hpp"
#include "bench/paper/paper_flags.hpp"
#include "bench/paper/report.hpp"
#include "bench/statistics.hpp"

namespace cecollm::bench {
namespace {

/// Every mode waits as long as it takes: what is compared is time, not deadlines.
const apps::SettingDefaults own_defaults{{"model.directory", "models/default"},
                                         {"model.dtype", "fp32"},
                                         {"model.threads", "1"},
                                         {"link.row_dtype", "fp16"},
                                         {"link.emulate", "rtt=5ms,up=100mbit,down=100mbit"},
                                         {"generation.mode", "collaborative"},
                                         {"generation.token_deadline", "1h"},
                                         {"generation.max_tokens", "100"},
                                         {"supervisor.adaptive", "false"},
                                         {"log.level", "error"}};

/// What was given as `key`, else this command's default.
std::string text_of(const apps::SettingSources& sources, const std::string& key) {
  if (const auto given = sources.flags.find(key); given != sources.flags.end()) {
    return given->second.back();
  }
  const auto own = sources.command_defaults.find(key);
  return own == sources.command_defaults.end() ? std::string() : own->second;
}

apps::Outcome<void> check(const apps::SettingSources& sources) {
  if (sources.flags.contains("generation.thresholds")) {
    return apps::misused("give the thresholds of the collaborative modes with --theta");
  }
  if (sources.flags.contains("generation.mode")) {
    return apps::misused("give the modes with --modes");
  }
  if (sources.flags.contains("link.cloud")) {
    return apps::misused("--cloud: the benchmark starts a cloud of its own");
  }
  return {};
}

std::string describe_model(const apps::SettingSources& sources, const model::ModelConfig& config) {
  std::string exits;
  for (const int layer : config.exits->layers) {
    exits += (exits.empty() ? "" : " and ") + std::to_string(layer);
  }
  return text_of(sources, "model.directory") + ", " + std::to_string(config.num_layers) +
         " layers, d = " + std::to_string(config.hidden_size) + ", exits after " + exits +
         ", computing in " + text_of(sources, "model.dtype") +
         ", threads a side: " + text_of(sources, "model.threads");
}

RunDescription describe(const PaperFlags& flags, const apps::SettingSources& sources,
                        const Testbed& testbed, const Workload& workload) {
  RunDescription run{command_line(), describe_machine(), describe_commit(), {}, {}};
  const auto& settings = testbed.settings();
  const auto trace = text_of(sources, "link.emulate_trace");
  run.conditions = {
      {"model", describe_model(sources, testbed.config())},
      {"link", (trace.empty() ? text_of(sources, "link.emulate") : trace) +
                   ", emulated below TLS on loopback; edge and cloud are two processes"},
      {"cloud", flags.run_ahead ? "computes ahead of asks when it is idle"
                                : "computes a context's rows when it is asked"},
      {"rows", text_of(sources, "link.row_dtype") + "; fp32 in naive"},
      {"prompts", workload.description + ", " + std::to_string(settings.generation.max_tokens) +
                      " tokens each, in " + std::to_string(flags.repetitions) +
                      " interleaved rounds"},
      {"questions", std::to_string(workload.questions.size())},
      {"standalone", "exits at the same rule with θ = 0.8, the last exit where none is sure"},
      {"seed", std::to_string(settings.generation.sampling.seed)}};
  if (flags.step_ms > 0) {
    const double layer = flags.step_ms / testbed.config().num_layers;
    run.warnings.push_back("Steps are slowed down: every pass takes at least " + to_text(layer) +
                           " ms for each layer that it runs (" + to_text(flags.step_ms) +
                           " ms at full depth), whatever its rows.");
  }
  if (flags.replay_exits) {
    run.warnings.push_back(
        "Exit decisions are replayed, not computed: no exit is sure of " +
        to_text(100 * *flags.replay_exits) + " % of the tokens, and the first exit takes " +
        to_text(100 * flags.replay_first_exit) +
        " % of the others. The figures are of speed alone; the text means nothing.");
  }
  return run;
}

WorkloadSetting workload_setting(const PaperFlags& flags, const apps::EdgeSettings& settings,
                                 bool judge) {
  WorkloadSetting setting;
  setting.prompts = flags.prompts;
  setting.texts = flags.texts;
  setting.questions = flags.question_file;
  setting.most_prompts = flags.most_prompts;
  setting.most_questions = judge ? flags.questions : 0;
  setting.random_prompt_tokens = flags.random_prompt_tokens;
  setting.max_tokens = settings.generation.max_tokens;
  setting.seed = settings.generation.sampling.seed;
  return setting;
}

apps::Outcome<void> run(const PaperFlags& flags, const apps::SettingSources& sources,
                        const apps::CommandIo& io) {
  if (auto checked = check(sources); !checked) return checked;
  const auto modes = modes_of(flags);
  if (!modes) return tl::unexpected(modes.error());
  const bool judge = !flags.no_judge && !flags.replay_exits;

  TestbedSetting setting;
  setting.edge = sources;
  setting.step_ms = flags.step_ms;
  setting.replay = replay_of(flags);
  setting.run_ahead = flags.run_ahead;
  setting.with_naive = std::ranges::find(*modes, Strategy::naive, &Mode::strategy) != modes->end();
  const auto testbed = Testbed::start(setting);
  if (!testbed) return tl::unexpected(testbed.error());
  const auto workload = load_workload(workload_setting(flags, (*testbed)->settings(), judge),
                                      (*testbed)->tokenizer(), (*testbed)->config());
  if (!workload) return tl::unexpected(workload.error());

  MeasurementSetting measurement;
  measurement.modes = *modes;
  measurement.repetitions = flags.repetitions;
  measurement.max_tokens = (*testbed)->settings().generation.max_tokens;
  measurement.max_answer_tokens = flags.answer_tokens;
  measurement.judge = judge;
  const auto measured = measure(**testbed, *workload, measurement,
                                [&](const std::string& line) { io.err << line << std::endl; });
  if (!measured) return tl::unexpected(measured.error());
  Report report;
  report.run = describe(flags, sources, **testbed, *workload);
  report.modes = summarise(*modes, *measured, (*testbed)->settings().generation.sampling.seed);
  report.full_model_right = measured->full_model_right;
  io.out << to_markdown(report);
  return write_report(flags.out, report, measured->trials);
}

}  // namespace

void register_paper(CLI::App& bench, apps::Command& chosen) {
  CLI::App* command = bench.add_subcommand(
      "paper", "Cloud-only, naive, standalone and collaborative side by side, as in the paper");
  const auto flags = std::make_shared<PaperFlags>();
  add_paper_flags(*command, *flags);
  apps::add_setting_flags(*command, apps::Node::edge, own_defaults);
  command->footer(
      "Examples:\n"
      "  cecollm bench paper\n"
      "  cecollm bench paper --link rtt=50ms,up=20mbit,down=50mbit --max-prompts 70\n"
      "  cecollm bench paper --step-ms 37 --link rtt=2.85ms --modes cloud-only,collaborative\n"
      "  cecollm bench paper --model llama-7b-shape --dtype bf16 --random-prompts 21 \\\n"
      "      --replay-exits 0.4958 --out results\n"
      "The defaults are the default model in fp32 with one thread a side.");
  command->callback([&chosen, flags, command] {
    chosen = [flags, command](const apps::CommandIo& io) {
      auto sources = apps::given_settings(*command, apps::Node::edge, io, own_defaults);
      if (sources.flags.contains("link.emulate_trace")) {
        sources.command_defaults.erase("link.emulate");  // one or the other
      }
      return run(*flags, sources, io);
    };
  });
}

}  // namespace cecollm::bench
