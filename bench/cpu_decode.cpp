// Decode on a CPU: libtorch's operators, packed weights as they are stored and in int8 side by
// side; against what reading the weights would take; and what int8 on the edge does to its tokens.
// Writes DIRECTORY/cpu_decode.md and .json.

#include <algorithm>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>

#include "bench/cpu_report.hpp"
#include "bench/default_model.hpp"
#include "bench/machine.hpp"
#include "bench/read_bandwidth.hpp"
#include "model/kernels.hpp"

namespace cecollm::bench {
namespace {

struct Options {
  std::string out = "bench/results/cpu";
  std::string conditions;
  std::vector<std::string> checkpoints;
  std::string instruction_set;
  int threads = 2;
  int rounds = 200;
  int large_rounds = 10;
  std::size_t texts_of_kind = 4;
  bool skip_accuracy = false;
  bool skip_libtorch = false;
};

std::vector<DecodeVariant> variants(bool with_libtorch) {
  using model::ComputeDType;
  using model::Kernels;
  using model::WeightChoice;
  std::vector<DecodeVariant> all{
      {"packed, as stored", ComputeDType::fp32, Kernels::packed, WeightChoice::stored},
      {"packed, int8", ComputeDType::fp32, Kernels::packed, WeightChoice::int8}};
  if (with_libtorch) {
    all.push_back({"libtorch, fp32", ComputeDType::fp32, Kernels::libtorch, WeightChoice::stored});
    all.push_back({"libtorch, bf16", ComputeDType::bf16, Kernels::libtorch, WeightChoice::stored});
  }
  return all;
}

CheckpointTiming measure(const Options& options, const std::filesystem::path& checkpoint,
                         std::vector<std::int64_t> batches, int rounds) {
  DecodePlan plan;
  plan.checkpoint = checkpoint;
  plan.variants = variants(!options.skip_libtorch);
  plan.batches = std::move(batches);
  plan.threads = options.threads;
  plan.rounds = rounds;
  CheckpointTiming timing;
  timing.name = std::filesystem::path(checkpoint).lexically_normal().filename().string();
  timing.weight_bytes = weight_bytes(checkpoint);
  timing.decode = time_decode(plan);
  plan.rounds = std::max(1, rounds / 10);
  timing.prefill = time_prefill(plan, 64);
  return timing;
}

int measure_all(const Options& options) {
  if (!model::kernels::use_instruction_set(options.instruction_set)) {
    std::cerr << "cpu_decode: this processor has no instruction set '" << options.instruction_set
              << "'\n";
    return 1;
  }
  CpuReport report;
  report.conditions = options.conditions;
  report.machine = describe_machine();
  report.commit = describe_commit();
  report.instruction_sets = model::kernels::instruction_sets();
  report.threads = options.threads;
  report.positions = DecodePlan().positions;
  report.read_bytes_per_second = read_bandwidth(std::size_t{1} << 30, options.threads, 8);
  report.checkpoints.push_back(
      measure(options, CECOLLM_DEFAULT_MODEL, {1, 7, 32, 128}, options.rounds));
  for (const auto& checkpoint : options.checkpoints) {
    report.checkpoints.push_back(measure(options, checkpoint, {1, 7}, options.large_rounds));
  }
  if (!options.skip_accuracy) {
    report.accuracy = compare_weights(CECOLLM_DEFAULT_MODEL, CECOLLM_BENCH_TEXTS,
                                      options.texts_of_kind, 512, 0.8);
  }
  if (!write_report(options.out, report)) {
    std::cerr << "cpu_decode: cannot write into " << options.out << '\n';
    return 1;
  }
  std::cout << std::ifstream(options.out + "/cpu_decode.md").rdbuf();
  return 0;
}

}  // namespace
}  // namespace cecollm::bench

int main(int argc, char** argv) {
  cecollm::bench::Options options;
  CLI::App app("Decode on a CPU, against libtorch's operators and against memory bandwidth");
  app.add_option("--out", options.out, "Directory of the report")->capture_default_str();
  app.add_option("--conditions", options.conditions, "A sentence on what else the machine did");
  app.add_option("--checkpoint", options.checkpoints,
                 "A larger checkpoint to measure beside the default model; may be repeated");
  app.add_option("--instruction-set", options.instruction_set,
                 "Of those that the report lists; empty: the best");
  app.add_option("--threads", options.threads)->capture_default_str();
  app.add_option("--rounds", options.rounds, "Steps of each kind, default model")
      ->capture_default_str();
  app.add_option("--large-rounds", options.large_rounds, "Steps of each kind, --checkpoint")
      ->capture_default_str();
  app.add_option("--texts", options.texts_of_kind, "Held-out texts of each kind")
      ->capture_default_str();
  app.add_flag("--skip-accuracy", options.skip_accuracy, "Times only");
  app.add_flag("--skip-libtorch", options.skip_libtorch, "Packed kernels only");
  CLI11_PARSE(app, argc, argv);
  return cecollm::bench::measure_all(options);
}
