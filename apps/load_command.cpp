#include "apps/load_command.hpp"

#include <fstream>
#include <memory>
#include <utility>

#include "load/metrics_text.hpp"
#include "load/recording_file.hpp"
#include "load/report_html.hpp"
#include "load/report_json.hpp"
#include "load/report_table.hpp"
#include <CLI/CLI.hpp>

#include "actors/handshake.hpp"
#include "apps/load_flags.hpp"
#include "apps/load_run.hpp"
#include "apps/metrics_page.hpp"
#include "apps/node_logger.hpp"
#include "apps/node_setup.hpp"
#include "apps/setting_flags.hpp"
#include "apps/termination.hpp"
#include "apps/tokenizer_source.hpp"
#include "model/checkpoint.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::apps {
namespace {

/// A busy cloud is what one comes to measure, so edges neither leave it nor give up soon.
const SettingDefaults own_defaults{{"generation.token_deadline", "30s"},
                                   {"supervisor.adaptive", "false"}};

constexpr const char* batch_histogram = "cecollm_cloud_batch_asks";

Outcome<LoadMaterial> replay_material(const LoadFlags& flags) {
  auto opened = load::open_recording(flags.recording);
  if (!opened) return tl::unexpected(to_failure(opened.error()));
  const auto recording = std::make_shared<const load::Recording>(*std::move(opened));
  LoadMaterial material;
  material.config = load::config_of(recording->model());
  material.digests = actors::to_wire(recording->model().identity);
  material.codec = recording->model().codec;
  material.thresholds = {recording->model().thresholds};
  for (const auto& generation : recording->generations()) {
    material.prompts.push_back(
        {generation.prompt, static_cast<std::int64_t>(generation.tokens.size())});
  }
  material.recording = recording;
  return material;
}

Outcome<LoadMaterial> full_material(const LoadFlags& flags, const EdgeSettings& settings) {
  auto checkpoint = model::Checkpoint::open(settings.model.directory, settings.model.exit_layers);
  if (!checkpoint) return tl::unexpected(to_failure(checkpoint.error()));
  LoadMaterial material;
  material.config = checkpoint->config();
  if (!material.config.exits) {
    return misused(settings.model.directory.string() +
                   "/config.json names no early exits: give --exit-layers");
  }
  const auto identity = checkpoint->identity();
  if (!identity) return tl::unexpected(to_failure(identity.error()));
  material.digests = actors::to_wire(*identity);
  material.codec = model::find_row_codec(model::name_of(settings.link.row_dtype));
  auto thresholds =
      thresholds_for(settings.generation.thresholds, material.config.exits->layers.size());
  if (!thresholds) return tl::unexpected(thresholds.error());
  material.thresholds = std::move(*thresholds);
  const auto tokenizer = load_optional_tokenizer(settings.model.directory);
  if (!tokenizer) return tl::unexpected(tokenizer.error());
  auto prompts = load_prompts(flags.prompts, tokenizer->get(), material.config,
                              settings.generation.max_tokens, settings.generation.sampling.seed);
  if (!prompts) return tl::unexpected(prompts.error());
  material.prompts = std::move(prompts->prompts);
  model::set_compute_threads(settings.model.threads);
  auto engine = model::load_engine(*checkpoint, model::Part::edge,
                                   {.dtype = settings.model.dtype,
                                    .row_codec = material.codec,
                                    .weights = settings.model.weights,
                                    .device = settings.model.device});
  if (!engine) return tl::unexpected(to_failure(engine.error()));
  material.engine = std::move(*engine);
  return material;
}

/// Batches so far, by the cloud's own metrics.
Outcome<std::vector<load::BucketCount>> batches_at(const LoadChoices& choices) {
  if (!choices.cloud_metrics) return std::vector<load::BucketCount>{};
  const auto page = fetch_metrics(*choices.cloud_metrics);
  if (!page) return tl::unexpected(page.error());
  auto buckets = load::histogram_in(*page, batch_histogram);
  if (buckets.empty()) {
    return misused("--cloud-metrics " + transport::to_string(*choices.cloud_metrics) +
                   ": there is no " + batch_histogram + " on that page");
  }
  return buckets;
}

Outcome<void> write_file(const std::string& file, const std::string& text) {
  std::ofstream stream(file, std::ios::binary);
  stream << text;
  stream.close();
  if (!stream) return failed(file + ": cannot be written");
  return {};
}

Outcome<void> write_reports(const LoadFlags& flags, const load::RunLog& log,
                            const load::LoadReport& report, const CommandIo& io) {
  if (!flags.quiet && flags.json != "-") io.out << load::to_table(report);
  if (flags.json == "-") {
    io.out << load::to_json(report) << '\n';
  } else if (!flags.json.empty()) {
    if (auto done = write_file(flags.json, load::to_json(report) + "\n"); !done) return done;
  }
  if (!flags.csv.empty()) {
    if (auto done = write_file(flags.csv, load::to_csv(log)); !done) return done;
  }
  if (!flags.html.empty()) {
    if (auto done = write_file(flags.html, load::to_html(report)); !done) return done;
  }
  return {};
}

/// How much of the run is over, where that can be told.
double share_of(const load::LoadProgress& progress, const load::LoadPlan& plan) {
  double share = -1;
  if (plan.requests) {
    share = static_cast<double>(progress.ended) / static_cast<double>(*plan.requests);
  }
  if (plan.duration) {
    share = std::max(share, load::seconds_of(progress.elapsed) / load::seconds_of(*plan.duration));
  }
  return share;
}

Outcome<void> run(const LoadFlags& flags, const SettingSources& sources, const CommandIo& io) {
  auto choices = choices_of(flags);
  if (!choices) return tl::unexpected(choices.error());
  const auto settings = load_edge_settings(sources);
  if (!settings) return tl::unexpected(settings.error());
  choices->plan.seed = settings->generation.sampling.seed;
  if (settings->clouds.empty()) return misused("give the cloud to press with --cloud HOST:PORT");
  if (choices->replay && sources.flags.contains("generation.thresholds")) {
    return misused("a replay has the thresholds of its recording: leave --threshold out");
  }
  if (!choices->links.empty() && settings->emulated_link) {
    return misused(
        "--edge-link and --link exclude each other: --edge-link alone may name one link");
  }
  Termination termination;
  auto material = choices->replay ? replay_material(flags) : full_material(flags, *settings);
  if (!material) return tl::unexpected(material.error());
  if (!choices->plan.requests && !choices->plan.duration) {
    choices->plan.requests = material->prompts.size();
  }
  const auto batches_before = batches_at(*choices);
  if (!batches_before) return tl::unexpected(batches_before.error());

  const bool progress = !flags.quiet && io.out_is_terminal;
  const auto result = run_load(
      *settings, *std::move(material), *choices, flags.edges,
      node_logger("load", settings->monitoring), termination, [&](const load::LoadProgress& now) {
        if (!progress) return;
        io.out << "\r\x1b[K" << load::progress_line(now, share_of(now, choices->plan))
               << std::flush;
      });
  if (progress) io.out << "\r\x1b[K" << std::flush;
  if (!result) return tl::unexpected(result.error());
  auto& log = *result->log;
  log.description = describe(flags, *choices, transport::to_string(settings->clouds.front()));
  log.objectives = choices->objectives;
  // A cloud that died under the load takes its metrics with it; the rest of the report stands.
  if (const auto batches_after = batches_at(*choices); batches_after) {
    log.batch_sizes = load::difference(*batches_before, *batches_after);
  } else {
    io.err << "cecollm: warning: " << batches_after.error().message << std::endl;
  }
  const auto report = load::report_on(log);
  if (auto written = write_reports(flags, log, report, io); !written) return written;
  if (!report.verdict.empty()) return failed(report.verdict.front());
  if (!result->problem.empty()) return failed(result->problem);
  return {};
}

}  // namespace

void register_load(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("load", "Press a cloud with many virtual edges and report figures");
  const auto flags = std::make_shared<LoadFlags>();
  add_load_flags(*command, *flags);
  add_setting_flags(*command, Node::edge, own_defaults);
  command->footer(
      "Examples:\n"
      "  cecollm load --recording stories.rec --edges 1000 --duration 60s \\\n"
      "      --cloud cloud.example:7070 --cert edge.pem --key edge.key --ca ca.pem \\\n"
      "      --slo ttft=500ms,tpot=50ms --html report.html\n"
      "  cecollm load --recording stories.rec --edges 200 --rate 40 --burstiness 0.5 \\\n"
      "      --edge-link '3*rtt=30ms,up=20mbit' --edge-link '1*bench/traces/lte-drive.csv' …\n"
      "  cecollm load --kind full --model models/default --prompts ShareGPT.json --edges 4 …\n"
      "docs/load.md says what the figures mean.");
  command->callback([&chosen, flags, command] {
    chosen = [flags, command](const CommandIo& io) {
      auto sources = given_settings(*command, Node::edge, io, own_defaults);
      // A recording has all that a replay needs of its model.
      if (flags->kind == "replay") sources.command_defaults["model.directory"] = ".";
      return run(*flags, sources, io);
    };
  });
}

}  // namespace cecollm::apps
