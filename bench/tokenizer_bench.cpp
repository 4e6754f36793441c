// How fast text becomes ids and ids become text: English prose (the validation texts), in bytes of
// text per second on one core.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>

#include "model/tokenizer.hpp"

namespace cecollm::bench {
namespace {

using model::TokenId;
using model::Tokenizer;

const std::string& english_text() {
  static const std::string text = [] {
    std::string all;
    std::ifstream stream(CECOLLM_BENCH_TEXTS);
    const nlohmann::json document = nlohmann::json::parse(stream);
    for (const auto& [kind, texts] : document.items()) {
      for (const auto& one : texts) all += one.get<std::string>() + "\n";
    }
    return all;
  }();
  return text;
}

/// Null, and the benchmark skipped with the reason, where the tokenizer cannot be loaded.
std::optional<Tokenizer> load(benchmark::State& state, const std::filesystem::path& path) {
  auto tokenizer = Tokenizer::load(path);
  if (tokenizer) return std::move(*tokenizer);
  state.SkipWithError(tokenizer.error().message.c_str());
  return std::nullopt;
}

void count_bytes(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(english_text().size()));
}

void encode(benchmark::State& state, const std::filesystem::path& path) {
  const auto tokenizer = load(state, path);
  if (!tokenizer) return;
  for (auto step : state) {
    benchmark::DoNotOptimize(tokenizer->encode(english_text(), true));
  }
  count_bytes(state);
}

void decode(benchmark::State& state, const std::filesystem::path& path) {
  const auto tokenizer = load(state, path);
  if (!tokenizer) return;
  const std::vector<TokenId> ids = tokenizer->encode(english_text(), true);
  for (auto step : state) {
    benchmark::DoNotOptimize(tokenizer->decode(ids, true));
  }
  count_bytes(state);
}

void stream(benchmark::State& state, const std::filesystem::path& path) {
  const auto tokenizer = load(state, path);
  if (!tokenizer) return;
  const std::vector<TokenId> ids = tokenizer->encode(english_text(), true);
  for (auto step : state) {
    model::StreamingDetokenizer detokenizer(*tokenizer, true);
    for (const TokenId id : ids) benchmark::DoNotOptimize(detokenizer.push(id));
    benchmark::DoNotOptimize(detokenizer.flush());
  }
  count_bytes(state);
}

void load_file(benchmark::State& state, const std::filesystem::path& path) {
  for (auto step : state) {
    if (!load(state, path)) return;
  }
}

const std::filesystem::path unpacked = CECOLLM_UNPACKED_TOKENIZERS;

BENCHMARK_CAPTURE(encode, default_model, CECOLLM_DEFAULT_MODEL);
BENCHMARK_CAPTURE(encode, llama2, unpacked / "llama2.json");
BENCHMARK_CAPTURE(encode, qwen3, unpacked / "qwen3.json");
BENCHMARK_CAPTURE(decode, default_model, CECOLLM_DEFAULT_MODEL);
BENCHMARK_CAPTURE(decode, llama2, unpacked / "llama2.json");
BENCHMARK_CAPTURE(decode, qwen3, unpacked / "qwen3.json");
BENCHMARK_CAPTURE(stream, default_model, CECOLLM_DEFAULT_MODEL);
BENCHMARK_CAPTURE(stream, llama2, unpacked / "llama2.json");
BENCHMARK_CAPTURE(stream, qwen3, unpacked / "qwen3.json");
BENCHMARK_CAPTURE(load_file, default_model, CECOLLM_DEFAULT_MODEL);
BENCHMARK_CAPTURE(load_file, llama2, unpacked / "llama2.json");
BENCHMARK_CAPTURE(load_file, qwen3, unpacked / "qwen3.json");

}  // namespace
}  // namespace cecollm::bench
