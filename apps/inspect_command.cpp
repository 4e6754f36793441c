#include "apps/inspect_command.hpp"

#include <iomanip>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "apps/exit_layers_flag.hpp"
#include "apps/model_summary.hpp"

namespace cecollm::apps {
namespace {

struct InspectOptions {
  std::string directory;
  std::string exit_layers;
  bool json = false;
};

std::string layers_text(const PartSummary& part) {
  std::string text;
  for (const model::LayerRange& range : part.stages) {
    if (!text.empty()) text += " | ";
    text += std::to_string(range.begin + 1) + ".." + std::to_string(range.end);
  }
  return text;
}

std::string bytes_text(std::int64_t bytes) {
  constexpr double mib = 1024.0 * 1024.0;
  std::ostringstream text;
  if (bytes >= static_cast<std::int64_t>(mib)) {
    text << std::fixed << std::setprecision(1) << static_cast<double>(bytes) / mib << " MiB";
  } else {
    text << bytes << " B";
  }
  return text.str();
}

void print_text(const ModelSummary& summary, const std::string& directory, std::ostream& out) {
  const model::ModelConfig& config = summary.config;
  out << "checkpoint    " << directory << ": " << summary.tensors << " tensors, "
      << bytes_text(summary.stored_bytes) << ", mostly " << model::name_of(config.stored_dtype)
      << '\n';
  out << "architecture  " << name_of(config.family) << ": " << config.num_layers << " layers, d "
      << config.hidden_size << ", " << config.num_heads << " heads (" << config.num_kv_heads
      << " KV) of " << config.head_dim << ", FFN " << config.intermediate_size << ", vocabulary "
      << config.vocab_size << ", context " << config.max_positions
      << (config.tied_embeddings ? ", tied embeddings" : "") << '\n';
  if (config.exits) {
    const std::vector<int>& layers = config.exits->layers;
    out << "exits         after " << (layers.size() == 1 ? "layer " : "layers ");
    for (std::size_t i = 0; i < layers.size(); ++i) out << (i == 0 ? "" : ", ") << layers[i];
    out << ": " << name_of(config.exits->head) << " heads\n";
    out << "cut           rows leave the edge after layer " << config.exits->layers.front() << ":";
    for (const RowSummary& row : summary.rows) {
      out << (&row == &summary.rows.front() ? " " : ", ") << row.bytes << " B as " << row.codec;
    }
    out << '\n';
    out << "cloud memory  the KV of a position is " << std::setprecision(3) << *summary.kv_per_row
        << " times its row, in the same dtype\n";
  } else {
    out << "exits         none; --exit-layers shows a cut with the model's own head\n";
  }

  out << '\n'
      << std::left << std::setw(14) << "part" << std::setw(24) << "layers" << std::right
      << std::setw(8) << "tensors" << std::setw(12) << "stored" << std::setw(16) << "KV/token fp32"
      << std::setw(16) << "KV/token bf16" << '\n';
  for (const PartSummary& part : summary.parts) {
    out << std::left << std::setw(14) << name_of(part.part) << std::setw(24) << layers_text(part)
        << std::right << std::setw(8) << part.tensors << std::setw(12)
        << bytes_text(part.stored_bytes) << std::setw(14) << part.kv_bytes_per_token_fp32 << " B"
        << std::setw(14) << part.kv_bytes_per_token_bf16 << " B";
    if (part.missing_tensors > 0) out << "  " << part.missing_tensors << " tensors are not here";
    out << '\n';
  }
}

nlohmann::json part_json(const PartSummary& part) {
  nlohmann::json stages = nlohmann::json::array();
  for (const model::LayerRange& range : part.stages) {
    stages.push_back({{"first_layer", range.begin + 1}, {"last_layer", range.end}});
  }
  return {{"stages", std::move(stages)},
          {"tensors", part.tensors},
          {"missing_tensors", part.missing_tensors},
          {"stored_bytes", part.stored_bytes},
          {"kv_bytes_per_token",
           {{"fp32", part.kv_bytes_per_token_fp32}, {"bf16", part.kv_bytes_per_token_bf16}}}};
}

void print_json(const ModelSummary& summary, std::ostream& out) {
  const model::ModelConfig& config = summary.config;
  nlohmann::json object{{"family", name_of(config.family)},
                        {"layers", config.num_layers},
                        {"hidden_size", config.hidden_size},
                        {"intermediate_size", config.intermediate_size},
                        {"heads", config.num_heads},
                        {"kv_heads", config.num_kv_heads},
                        {"head_dim", config.head_dim},
                        {"vocab_size", config.vocab_size},
                        {"max_positions", config.max_positions},
                        {"tied_embeddings", config.tied_embeddings},
                        {"stored_dtype", model::name_of(config.stored_dtype)},
                        {"tensors", summary.tensors},
                        {"stored_bytes", summary.stored_bytes},
                        {"exits", nullptr}};
  if (config.exits) {
    object["exits"] = {{"layers", config.exits->layers}, {"head", name_of(config.exits->head)}};
    for (const RowSummary& row : summary.rows) object["row_bytes"][row.codec] = row.bytes;
    object["kv_per_row"] = *summary.kv_per_row;
  }
  for (const PartSummary& part : summary.parts) {
    object["parts"][std::string(name_of(part.part))] = part_json(part);
  }
  out << object.dump() << '\n';
}

Outcome<void> run(const InspectOptions& options, const CommandIo& io) {
  const auto exit_layers = parse_exit_layers(options.exit_layers);
  if (!exit_layers) return tl::unexpected(exit_layers.error());
  const auto checkpoint = model::Checkpoint::open(options.directory, *exit_layers);
  if (!checkpoint) return tl::unexpected(to_failure(checkpoint.error()));
  const ModelSummary summary = summarize(*checkpoint);
  if (options.json) {
    print_json(summary, io.out);
  } else {
    print_text(summary, options.directory, io.out);
  }
  return {};
}

}  // namespace

void register_inspect(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand(
      "inspect", "Architecture, exits and cut of a checkpoint, with bytes on each side");
  const auto options = std::make_shared<InspectOptions>();
  command->add_option("directory", options->directory, "The checkpoint")
      ->required()
      ->type_name("DIR");
  add_exit_layers_flag(*command, options->exit_layers);
  command->add_flag("--json", options->json, "Print one JSON object");
  command->footer(
      "Reads headers only, no weights.\n"
      "Examples:\n"
      "  cecollm inspect models/default\n"
      "  cecollm inspect llama-3.2-1b --exit-layers 5,8 --json");
  command->callback([&chosen, options] {
    chosen = [options](const CommandIo& io) {
      return run(*options, io);
    };
  });
}

}  // namespace cecollm::apps
