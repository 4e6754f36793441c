#include "apps/record_command.hpp"

#include <memory>
#include <utility>

#include "load/recorder.hpp"
#include "load/recording_file.hpp"
#include <CLI/CLI.hpp>

#include "apps/load_prompts.hpp"
#include "apps/node_setup.hpp"
#include "apps/setting_flags.hpp"
#include "apps/termination.hpp"
#include "apps/tokenizer_source.hpp"
#include "model/checkpoint.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::apps {
namespace {

struct RecordOptions {
  LoadPromptFlags prompts;
  std::string out;
};

const SettingDefaults own_defaults{{"model.dtype", "fp32"}};

struct Counts {
  std::size_t generations = 0;
  std::size_t tokens = 0;
  std::size_t asks = 0;
};

Outcome<load::RecordedModel> recorded_model(const model::Checkpoint& checkpoint,
                                            const EdgeSettings& settings) {
  const auto& config = checkpoint.config();
  if (!config.exits) {
    return misused(settings.model.directory.string() +
                   "/config.json names no early exits: give --exit-layers");
  }
  auto identity = checkpoint.identity();
  if (!identity) return tl::unexpected(to_failure(identity.error()));
  auto thresholds = thresholds_for(settings.generation.thresholds, config.exits->layers.size());
  if (!thresholds) return tl::unexpected(thresholds.error());
  load::RecordedModel recorded;
  recorded.identity = std::move(*identity);
  recorded.hidden_size = config.hidden_size;
  recorded.num_layers = config.num_layers;
  recorded.vocab_size = config.vocab_size;
  recorded.max_positions = config.max_positions;
  recorded.eos = config.eos;
  recorded.codec = model::find_row_codec(model::name_of(settings.link.row_dtype));
  recorded.thresholds = std::move(thresholds->values);
  return recorded;
}

void show_progress(const CommandIo& io, std::size_t done, std::size_t all) {
  if (io.out_is_terminal) io.out << "\rrecorded " << done << " of " << all << std::flush;
}

Outcome<void> run(const RecordOptions& options, const SettingSources& sources,
                  const CommandIo& io) {
  const auto settings = load_edge_settings(sources);
  if (!settings) return tl::unexpected(settings.error());
  if (settings->model.dtype != model::ComputeDType::fp32) {
    return misused("recordings are made in fp32, where replies can be compared: leave --dtype out");
  }
  if (settings->model.weights != model::WeightChoice::stored) {
    return misused("recordings are made with the weights as they are stored: leave --weights out");
  }
  if (options.prompts.file.empty())
    return misused("give the prompts to record with --prompts FILE");
  Termination termination;
  auto checkpoint = model::Checkpoint::open(settings->model.directory, settings->model.exit_layers);
  if (!checkpoint) return tl::unexpected(to_failure(checkpoint.error()));
  const auto recorded = recorded_model(*checkpoint, *settings);
  if (!recorded) return tl::unexpected(recorded.error());
  const auto tokenizer = load_optional_tokenizer(settings->model.directory);
  if (!tokenizer) return tl::unexpected(tokenizer.error());
  const auto prompts =
      load_prompts(options.prompts, tokenizer->get(), checkpoint->config(),
                   settings->generation.max_tokens, settings->generation.sampling.seed);
  if (!prompts) return tl::unexpected(prompts.error());

  model::set_compute_threads(settings->model.threads);
  auto engine = model::load_engine(*checkpoint, model::Part::whole,
                                   {.dtype = settings->model.dtype,
                                    .row_codec = recorded->codec,
                                    .device = settings->model.device});
  if (!engine) return tl::unexpected(to_failure(engine.error()));
  auto writer = load::RecordingWriter::create(options.out, *recorded);
  if (!writer) return tl::unexpected(to_failure(writer.error()));

  Counts counts;
  for (const auto& prompt : prompts->prompts) {
    if (termination.wait_for(std::chrono::milliseconds(0))) break;
    const load::RecordRequest request{prompt.ids, prompt.most_tokens, recorded->thresholds,
                                      settings->generation.ignore_eos};
    const auto take = load::record_generation(**engine, request, std::chrono::steady_clock::now);
    if (!take) return tl::unexpected(to_failure(take.error()));
    if (const auto added = writer->add(take->generation); !added) {
      return tl::unexpected(to_failure(added.error()));
    }
    show_progress(io, ++counts.generations, prompts->prompts.size());
    counts.tokens += take->generation.tokens.size();
    for (const auto& token : take->generation.tokens) {
      if (token.head == model::final_head) ++counts.asks;
    }
  }
  if (counts.generations == 0) return failed("interrupted before anything was recorded");
  if (const auto done = writer->finish(); !done) return tl::unexpected(to_failure(done.error()));
  io.out << (io.out_is_terminal ? "\r" : "") << "recorded " << counts.generations
         << " generations of " << counts.tokens << " tokens, " << counts.asks
         << " of them from the final head, in " << options.out << " (" << writer->bytes()
         << " bytes)";
  if (prompts->left_out > 0) {
    io.out << "; left out " << prompts->left_out
           << " prompts that were empty, too long, or there before";
  }
  io.out << '\n';
  return {};
}

}  // namespace

void register_record(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "record", "Record what a single process does with prompts, for load --kind replay");
  const auto options = std::make_shared<RecordOptions>();
  add_load_prompt_flags(*command, options->prompts);
  command->add_option("--out", options->out, "File to write")->type_name("FILE")->required();
  add_setting_flags(*command, Node::edge, own_defaults);
  command->footer(
      "Examples:\n"
      "  cecollm record --model models/default --prompts prompts.txt --max-tokens 64 \\\n"
      "      --threshold 0.8 --out stories.rec\n"
      "  cecollm record --model models/default --prompts ShareGPT.json --max-prompts 500 \\\n"
      "      --row-dtype fp16 --out chats.rec");
  command->callback([&chosen, options, command] {
    chosen = [options, command](const CommandIo& io) {
      return run(*options, given_settings(*command, Node::edge, io, own_defaults), io);
    };
  });
}

}  // namespace cecollm::apps
