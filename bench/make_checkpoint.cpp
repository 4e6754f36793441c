// Writes a checkpoint with random weights of a named shape:
//   make_checkpoint --shape 7b --out /tmp/seven
// Good for speed and memory, which depend on sizes alone; what such a model says means nothing.

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include "bench/random_checkpoint.hpp"

namespace {

struct Options {
  std::string shape = "mid";
  std::string out;
  std::uint64_t seed = 1;
  int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  std::vector<int> exits;
  bool no_exits = false;
  std::string head;
};

/// Members of config.json that a flag changes.
struct SizeFlag {
  const char* flag;
  const char* key;
  const char* help;
  int value = 0;
};

std::string shape_help() {
  std::string help = "Shape to begin with:";
  for (const auto& [name, description] : cecollm::bench::named_shapes()) {
    help += "\n  " + std::string(name) + ": " + std::string(description);
  }
  return help;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::vector<SizeFlag> sizes{
      {"--hidden", "hidden_size", "Width of hidden states"},
      {"--ffn", "intermediate_size", "Width of the feed-forward block"},
      {"--layers", "num_hidden_layers", "Layers"},
      {"--heads", "num_attention_heads", "Attention heads"},
      {"--kv-heads", "num_key_value_heads", "Key and value heads"},
      {"--head-dim", "head_dim", "Width of a head"},
      {"--vocab", "vocab_size", "Size of the vocabulary"},
      {"--positions", "max_position_embeddings", "Most positions"},
  };
  std::string dtype;
  std::string tied;
  CLI::App app{"Writes a checkpoint with random weights, for measurements"};
  app.add_option("--shape", options.shape, shape_help())->capture_default_str();
  app.add_option("--out", options.out, "Directory to write, without a checkpoint in it")
      ->required();
  app.add_option("--seed", options.seed, "The same seed gives the same bytes")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads")->check(CLI::Range(1, 256));
  for (auto& size : sizes) {
    app.add_option(size.flag, size.value, size.help)->check(CLI::PositiveNumber);
  }
  app.add_option("--exits", options.exits, "Layers after which an exit sits, from 1")
      ->delimiter(',');
  app.add_flag("--no-exits", options.no_exits, "A plain model");
  app.add_option("--exit-head", options.head, "Kind of exit heads")
      ->check(CLI::IsMember({"shared", "norm", "linear"}));
  app.add_option("--dtype", dtype, "Type of the weights")
      ->check(CLI::IsMember({"bfloat16", "float32"}));
  app.add_option("--tied", tied, "Whether embedding and LM head are one tensor")
      ->check(CLI::IsMember({"true", "false"}));
  CLI11_PARSE(app, argc, argv);

  auto config = cecollm::bench::config_of_shape(options.shape);
  if (!config) {
    std::cerr << "make_checkpoint: --shape " << options.shape << " is unknown\n";
    return 2;
  }
  for (const auto& size : sizes) {
    if (size.value > 0) (*config)[size.key] = size.value;
  }
  // A width of heads that follows from the others, unless it was given.
  const int heads = (*config)["num_attention_heads"];
  if (app.count("--head-dim") == 0)
    (*config)["head_dim"] = (*config)["hidden_size"].get<int>() / heads;
  if (app.count("--heads") > 0 && app.count("--kv-heads") == 0) {
    (*config)["num_key_value_heads"] = heads;
  }
  if (!options.exits.empty()) (*config)["early_exit"]["layers"] = options.exits;
  if (!options.head.empty()) (*config)["early_exit"]["head"] = options.head;
  if (options.no_exits) config->erase("early_exit");
  if (!dtype.empty()) (*config)["torch_dtype"] = dtype;
  if (!tied.empty()) (*config)["tie_word_embeddings"] = tied == "true";

  const auto written =
      cecollm::bench::write_random_checkpoint(options.out, *config, options.seed, options.threads);
  if (!written) {
    std::cerr << "make_checkpoint: " << written.error().message << '\n';
    return 1;
  }
  std::cout << options.out << ": " << written->parameters << " parameters, " << written->bytes
            << " bytes of tensors\n";
  return 0;
}
