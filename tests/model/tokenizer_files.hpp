#pragma once
// Tokenizers for tests: the three real ones, and small ones made from JSON.

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/tokenizer.hpp"
#include "model/unicode.hpp"
#include "tests/support/temporary_directory.hpp"

namespace cecollm::tests {

/// `name` is one of encodings.json: default, llama2 or qwen3.
inline std::filesystem::path tokenizer_path(const std::string& name) {
  if (name == "default") return CECOLLM_DEFAULT_MODEL;
  return std::filesystem::path(CECOLLM_UNPACKED_TOKENIZERS) / (name + ".json");
}

inline nlohmann::json tokenizer_fixture(const std::string& name) {
  std::ifstream stream(std::filesystem::path(CECOLLM_FIXTURES) / "tokenizers" / name);
  return nlohmann::json::parse(stream);
}

/// A small tokenizer.json: `base` is "byte_level" or "sentencepiece" of components.json.
inline nlohmann::json small_tokenizer(const std::string& base) {
  static const nlohmann::json bases = tokenizer_fixture("components.json").at("bases");
  return bases.at(base);
}

inline model::Result<model::Tokenizer> load_tokenizer(const nlohmann::json& document) {
  const TemporaryDirectory directory;
  return model::Tokenizer::load(directory.write("tokenizer.json", document.dump()));
}

inline model::Tokenizer valid_tokenizer(model::Result<model::Tokenizer> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

inline std::string random_text(std::mt19937& random, std::size_t characters) {
  constexpr char32_t limits[] = {0x80, 0x80, 0x300, 0x3000, 0xD800, 0x20000};
  std::string text;
  for (std::size_t i = 0; i < characters; ++i) {
    std::uniform_int_distribution<char32_t> any(0, limits[random() % std::size(limits)] - 1);
    const char32_t code_point = any(random);
    model::append_utf8(code_point >= 0xD800 && code_point < 0xE000 ? U'\uFFFD' : code_point, text);
  }
  return text;
}

inline std::string random_bytes(std::mt19937& random, std::size_t count) {
  std::uniform_int_distribution<int> any(-128, 127);
  std::string bytes;
  for (std::size_t i = 0; i < count; ++i) bytes += static_cast<char>(any(random));
  return bytes;
}

/// What a StreamingDetokenizer gives in all, checked to come in whole characters.
inline std::string streamed(const model::Tokenizer& tokenizer,
                            const std::vector<model::TokenId>& ids, bool skip_special) {
  model::StreamingDetokenizer stream(tokenizer, skip_special);
  std::string text;
  const auto add = [&text](const std::string& part) {
    if (!model::is_well_formed_utf8(part)) throw std::runtime_error("split a character");
    text += part;
  };
  for (const model::TokenId id : ids) add(stream.push(id));
  add(stream.flush());
  return text;
}

}  // namespace cecollm::tests
