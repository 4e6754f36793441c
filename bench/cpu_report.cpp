#include "bench/cpu_report.hpp"

#include <fstream>
#include <iomanip>
#include <sstream>

#include <nlohmann/json.hpp>

namespace cecollm::bench {
namespace {

bool write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  out << text;
  return static_cast<bool>(out.flush());
}

std::string number(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string percent(double share) {
  return number(100 * share, 2) + " %";
}

/// Of the time that a plain loop would take to read the weights, over the step's.
double bandwidth_share(const CpuReport& report, const CheckpointTiming& timing,
                       const DecodeCell& cell) {
  const double floor_ms =
      static_cast<double>(timing.weight_bytes) / report.read_bytes_per_second * 1e3;
  return floor_ms / cell.best_ms;
}

void write_timing(std::ostream& text, const CpuReport& report, const CheckpointTiming& timing) {
  text << "## " << timing.name << "\n\nA step reads "
       << number(static_cast<double>(timing.weight_bytes) / 1e6, 1)
       << " MB of weights as they are stored; the plain loop would take "
       << number(static_cast<double>(timing.weight_bytes) / report.read_bytes_per_second * 1e3, 3)
       << " ms.\n\n| weights and kernels | batch | ms/step, best | median | ms/token, best | plain "
          "loop's time / best |\n|---|---:|---:|---:|---:|---:|\n";
  for (const auto& cell : timing.decode) {
    text << "| " << cell.variant << " | " << cell.batch << " | " << number(cell.best_ms, 3) << " | "
         << number(cell.median_ms, 3) << " | "
         << number(cell.best_ms / static_cast<double>(cell.batch), 3) << " | "
         << percent(bandwidth_share(report, timing, cell)) << " |\n";
  }
  if (!timing.prefill.empty()) {
    text << "\n| weights and kernels | prompt | tokens/s, best |\n|---|---:|---:|\n";
  }
  for (const auto& cell : timing.prefill) {
    text << "| " << cell.variant << " | " << cell.length << " | "
         << number(cell.tokens_per_second, 0) << " |\n";
  }
  text << '\n';
}

void write_accuracy(std::ostream& text, const AccuracyReport& accuracy) {
  text << "## Weights of the edge\n\nHeld-out texts, " << accuracy.positions
       << " positions, teacher-forced; perplexity of the full model "
       << number(accuracy.full_perplexity, 4) << ", threshold " << number(accuracy.threshold, 2)
       << ".\n\n| edge's weights | exit | perplexity | same token as with stored weights | same as "
          "the full model |\n|---|---:|---:|---:|---:|\n";
  for (const auto& edge : accuracy.edges) {
    for (const auto& exit : edge.exits) {
      text << "| " << edge.weights << " | " << exit.layer << " | " << number(exit.perplexity, 4)
           << " | " << percent(exit.same_as_stored) << " | " << percent(exit.same_as_full)
           << " |\n";
    }
  }
  text << "\n| edge's weights | collaborative: same as the full model | cloud alone, from this "
          "edge's rows | cloud asked |\n|---|---:|---:|---:|\n";
  for (const auto& edge : accuracy.edges) {
    text << "| " << edge.weights << " | " << percent(edge.collaborative_same_as_full) << " | "
         << percent(edge.cloud_same_as_full) << " | " << percent(edge.asked) << " |\n";
  }
}

std::string markdown(const CpuReport& report) {
  std::ostringstream text;
  text << "# Decode on a CPU\n\n"
       << report.conditions << "\n\n"
       << report.machine << ", commit " << report.commit << ", " << report.threads
       << " threads; instruction sets";
  for (const auto& name : report.instruction_sets) text << ' ' << name;
  text << " (the first is used). " << report.positions
       << " positions in each context's cache. A plain loop reads "
       << number(report.read_bytes_per_second / 1e9, 1) << " GB/s.\n\n";
  for (const auto& timing : report.checkpoints) write_timing(text, report, timing);
  if (report.accuracy) write_accuracy(text, *report.accuracy);
  return text.str();
}

using Json = nlohmann::ordered_json;

Json to_json(const CpuReport& report, const CheckpointTiming& timing) {
  Json decode = Json::array();
  for (const auto& cell : timing.decode) {
    decode.push_back({{"variant", cell.variant},
                      {"batch", cell.batch},
                      {"best_ms", cell.best_ms},
                      {"median_ms", cell.median_ms},
                      {"bandwidth_share", bandwidth_share(report, timing, cell)}});
  }
  Json prefill = Json::array();
  for (const auto& cell : timing.prefill) {
    prefill.push_back({{"variant", cell.variant},
                       {"length", cell.length},
                       {"tokens_per_second", cell.tokens_per_second}});
  }
  return {{"name", timing.name},
          {"weight_bytes", timing.weight_bytes},
          {"decode", std::move(decode)},
          {"prefill", std::move(prefill)}};
}

Json to_json(const AccuracyReport& accuracy) {
  Json edges = Json::array();
  for (const auto& edge : accuracy.edges) {
    Json exits = Json::array();
    for (const auto& exit : edge.exits) {
      exits.push_back({{"layer", exit.layer},
                       {"perplexity", exit.perplexity},
                       {"same_as_stored", exit.same_as_stored},
                       {"same_as_full", exit.same_as_full}});
    }
    edges.push_back({{"weights", edge.weights},
                     {"exits", std::move(exits)},
                     {"collaborative_same_as_full", edge.collaborative_same_as_full},
                     {"cloud_same_as_full", edge.cloud_same_as_full},
                     {"asked", edge.asked}});
  }
  return {{"positions", accuracy.positions},
          {"threshold", accuracy.threshold},
          {"full_perplexity", accuracy.full_perplexity},
          {"edges", std::move(edges)}};
}

Json to_json(const CpuReport& report) {
  Json checkpoints = Json::array();
  for (const auto& timing : report.checkpoints) checkpoints.push_back(to_json(report, timing));
  Json json{{"conditions", report.conditions},
            {"machine", report.machine},
            {"commit", report.commit},
            {"instruction_sets", report.instruction_sets},
            {"threads", report.threads},
            {"positions", report.positions},
            {"read_bytes_per_second", report.read_bytes_per_second},
            {"checkpoints", std::move(checkpoints)}};
  if (report.accuracy) json["accuracy"] = to_json(*report.accuracy);
  return json;
}

}  // namespace

bool write_report(const std::filesystem::path& directory, const CpuReport& report) {
  std::error_code code;
  std::filesystem::create_directories(directory, code);
  return write(directory / "cpu_decode.md", markdown(report)) &&
         write(directory / "cpu_decode.json", to_json(report).dump(1) + "\n");
}

}  // namespace cecollm::bench
