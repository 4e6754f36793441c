#include "apps/demo_command.hpp"

#include <filesystem>
#include <iomanip>
#include <memory>
#include <sstream>
#include <utility>

#include <CLI/CLI.hpp>

#include "apps/child_process.hpp"
#include "apps/development_pki.hpp"
#include "apps/edge_node.hpp"
#include "apps/full_generation.hpp"
#include "apps/generation_report.hpp"
#include "apps/live_story.hpp"
#include "apps/node_logger.hpp"
#include "apps/scratch_directory.hpp"
#include "apps/termination.hpp"
#include "apps/token_painter.hpp"

namespace cecollm::apps {
namespace {

constexpr std::chrono::seconds start_limit{60};

struct DemoOptions {
  std::string model = "models/default";
  std::string prompt = "Once upon a time";
  int max_tokens = 160;
  float threshold = 0.8F;
  std::string link;        // as link.emulate
  std::string link_trace;  // a file, or the name of one in bench/traces
  int seconds = 30;        // over such a link
};

bool over_a_link(const DemoOptions& options) {
  return !options.link.empty() || !options.link_trace.empty();
}

std::string trace_file(const std::string& given) {
  if (std::filesystem::exists(given)) return given;
  return (std::filesystem::path("bench/traces") / (given + ".csv")).string();
}

struct RunningCloud {
  ChildProcess process;
  std::string address;
};

Outcome<RunningCloud> start_cloud(const DemoOptions& options, const std::filesystem::path& pki) {
  auto process = ChildProcess::start(
      {own_executable(), "cloud", "--model", options.model, "--listen", "127.0.0.1:0", "--threads",
       "1", "--cert", (pki / "cloud.pem").string(), "--key", (pki / "cloud.key").string(), "--ca",
       (pki / "ca.pem").string(), "--log-level", "warning"});
  if (!process) return tl::unexpected(process.error());
  const auto line = process->read_line(start_limit);
  if (!line) return failed("the demo's cloud did not start");
  return RunningCloud{std::move(*process), line->substr(line->rfind(' ') + 1)};
}

SettingSources edge_sources(const DemoOptions& options, const std::string& mode) {
  SettingSources sources;
  std::ostringstream threshold;
  threshold << options.threshold;
  sources.flags["model.directory"] = {options.model};
  sources.flags["model.threads"] = {"1"};
  sources.flags["generation.mode"] = {mode};
  sources.flags["generation.thresholds"] = {threshold.str()};
  sources.flags["generation.max_tokens"] = {std::to_string(options.max_tokens)};
  sources.flags["log.level"] = {"warning"};
  return sources;
}

Outcome<GenerationReport> run_edge(const EdgeSettings& settings, const DemoOptions& options,
                                   const TextSink& on_token, Termination& termination) {
  auto node = EdgeNode::start(settings, node_logger("edge", settings.monitoring));
  if (!node) return tl::unexpected(node.error());
  if (!settings.clouds.empty()) {
    if (const auto link = (*node)->await_link(start_limit); !link.connected) {
      return failed("the edge did not reach the demo's cloud: " + link.problem);
    }
  }
  auto report =
      generate_on_edge(**node, settings, Prompt{options.prompt}, [&](const ReportedToken& token) {
        on_token(token);
        return !termination.wait_for(std::chrono::milliseconds(0));
      });
  if (!report) return report;
  if (report->finish_reason == actors::name_of(actors::FinishReason::cancelled)) {
    return failed("interrupted");
  }
  return report;
}

/// How many leading tokens two runs share.
std::size_t common_tokens(const GenerationReport& a, const GenerationReport& b) {
  std::size_t count = 0;
  while (count < a.tokens.size() && count < b.tokens.size() &&
         a.tokens[count].id == b.tokens[count].id) {
    ++count;
  }
  return count;
}

std::string sources_of(const GenerationReport& report) {
  std::ostringstream text;
  for (std::size_t exit = 0; exit < report.counts.exits(); ++exit) {
    text << name_of(policy::Source{policy::Source::Kind::exit, exit}) << ' '
         << report.counts.of_exit(exit) << "  ";
  }
  if (report.counts.cloud() > 0) text << "cloud " << report.counts.cloud() << "  ";
  if (report.counts.fallback() > 0) text << "fallback " << report.counts.fallback() << "  ";
  if (report.counts.full() > 0) text << "full " << report.counts.full() << "  ";
  return text.str();
}

void print_summary(std::ostream& out, const GenerationReport& collaborative,
                   const GenerationReport& standalone, const GenerationReport& full) {
  out << std::fixed << std::setprecision(1);
  out << "\n\nCollaborative: " << collaborative.tokens.size()
      << " tokens: " << sources_of(collaborative) << '\n'
      << "  sent up " << collaborative.upload.bytes_up << " bytes (" << collaborative.upload.rows_up
      << " rows), received " << collaborative.upload.bytes_down << " bytes\n"
      << "  share of layer computations done on the edge: "
      << 100.0 * collaborative.compute.edge_share() << " %\n\n";
  out << std::left << std::setw(16) << "Mode" << std::right << std::setw(8) << "tokens"
      << std::setw(12) << "first, ms" << std::setw(12) << "each, ms" << std::setw(22)
      << "same text as full for"
      << "   sources\n";
  for (const auto* report : {&collaborative, &standalone, &full}) {
    out << std::left << std::setw(16) << report->mode << std::right << std::setw(8)
        << report->tokens.size() << std::setw(12) << in_milliseconds(report->time_to_first_token)
        << std::setw(12) << in_milliseconds(report->time_per_token()) << std::setw(15)
        << common_tokens(*report, full) << " tokens   " << sources_of(*report) << '\n';
  }
  out << "\nOne thread a side on loopback; the standalone text:\n"
      << standalone.text << "\n\nand the full model's:\n"
      << full.text << '\n';
}

Outcome<void> run_live(const EdgeSettings& settings, const DemoOptions& options,
                       const CommandIo& io, Termination& termination) {
  auto node = EdgeNode::start(settings, node_logger("edge", settings.monitoring));
  if (!node) return tl::unexpected(node.error());
  (*node)->await_link(start_limit);  // a link that is down is what one came to see
  LiveStory story;
  story.prompt = options.prompt;
  story.duration = std::chrono::seconds(options.seconds);
  story.terminal = io.out_is_terminal;
  return write_live(**node, settings, story, io.out, termination);
}

Outcome<void> run(const DemoOptions& options, const CommandIo& io) {
  Termination termination;
  const ScratchDirectory scratch;
  if (scratch.path().empty()) return failed("no temporary directory for the demo's certificates");
  if (const auto made = make_development_pki(scratch.path()); !made) {
    return tl::unexpected(made.error());
  }
  io.out << "Starting a cloud (layers behind the cut) and an edge (layers before it) of "
         << options.model << " ...\n";
  io.out.flush();
  auto cloud = start_cloud(options, scratch.path());
  if (!cloud) return tl::unexpected(cloud.error());

  auto sources = edge_sources(options, "collaborative");
  sources.flags["link.cloud"] = {cloud->address};
  sources.flags["link.certificate"] = {(scratch.path() / "edge.pem").string()};
  sources.flags["link.key"] = {(scratch.path() / "edge.key").string()};
  sources.flags["link.authority"] = {(scratch.path() / "ca.pem").string()};
  if (!options.link.empty()) sources.flags["link.emulate"] = {options.link};
  if (!options.link_trace.empty()) {
    sources.flags["link.emulate_trace"] = {trace_file(options.link_trace)};
  }
  if (over_a_link(options)) {
    sources.flags["link.heartbeat"] = {"500ms"};
    sources.flags["link.silence_limit"] = {"4s"};
    sources.flags["generation.token_deadline"] = {"300ms"};
  }
  const auto settings = load_edge_settings(sources);
  if (!settings) return tl::unexpected(settings.error());
  if (over_a_link(options)) return run_live(*settings, options, io, termination);
  const auto standalone_settings = load_edge_settings(edge_sources(options, "standalone"));
  if (!standalone_settings) return tl::unexpected(standalone_settings.error());
  auto full_settings = *standalone_settings;
  full_settings.generation.mode = GenerationMode::full;
  full_settings.generation.thresholds.clear();

  TokenPainter painter(io.out, io.out_is_terminal);
  painter.legend();
  painter.paint(options.prompt, "full");
  const auto collaborative = run_edge(
      *settings, options,
      [&](const ReportedToken& token) { painter.paint(token.text, token.source); }, termination);
  if (!collaborative) return tl::unexpected(collaborative.error());
  const TextSink silent = [](const ReportedToken&) {
  };
  const auto standalone = run_edge(*standalone_settings, options, silent, termination);
  if (!standalone) return tl::unexpected(standalone.error());
  const auto full = generate_full(full_settings, Prompt{options.prompt}, silent);
  if (!full) return tl::unexpected(full.error());
  print_summary(io.out, *collaborative, *standalone, *full);
  return {};
}

}  // namespace

void register_demo(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "demo", "Start a cloud and an edge on loopback and watch them write a story");
  const auto options = std::make_shared<DemoOptions>();
  command->add_option("--model", options->model, "Checkpoint directory [models/default]");
  command->add_option("--prompt", options->prompt, "Text to continue [Once upon a time]");
  command->add_option("--max-tokens", options->max_tokens, "Length of the story [160]");
  command->add_option("--threshold", options->threshold,
                      "Confidence from which an exit decides [0.8]");
  auto* link = command->add_option(
      "--link", options->link,
      "Emulate a link, rtt=50ms,up=5mbit,loss=1%, and watch mode and sources change");
  command
      ->add_option("--link-trace", options->link_trace,
                   "The same from a trace: a file, or a name of bench/traces")
      ->excludes(link);
  command->add_option("--seconds", options->seconds, "How long to watch such a link [30]");
  command->footer(
      "Examples:\n"
      "  cecollm demo\n"
      "  cecollm demo --link-trace flapping\n"
      "  cecollm demo --threshold 0.9 --prompt 'User: What is the capital of Peru?'");
  command->callback([&chosen, options] {
    chosen = [options](const CommandIo& io) {
      return run(*options, io);
    };
  });
}

}  // namespace cecollm::apps
