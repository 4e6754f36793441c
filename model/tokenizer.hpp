#pragma once
// Hugging Face `tokenizer.json`: byte-level BPE (GPT-2, Llama 3, Qwen) and SentencePiece-style BPE
// (Llama 2).

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.hpp"
#include "model/error.hpp"

namespace cecollm::model {

struct TokenizerSpec;  // the parsed file; internal

/// Immutable once loaded and safe to share between threads.
class Tokenizer {
 public:
  /// `path` is a tokenizer.json or a directory that holds one.
  static Result<Tokenizer> load(const std::filesystem::path& path);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// `text` must be UTF-8; ill-formed sequences are read as U+FFFD. Special tokens written in the
  /// text are recognised; `add_special` applies the template (a BOS, say).
  std::vector<TokenId> encode(std::string_view text, bool add_special) const;
  /// The text of `ids`; ids outside the vocabulary give nothing.
  std::string decode(std::span<const TokenId> ids, bool skip_special) const;

  std::size_t vocab_size() const;
  bool is_special(TokenId id) const;
  /// Printable form of one token as the vocabulary spells it; empty for an unknown id.
  std::string_view piece(TokenId id) const;

  const TokenizerSpec& spec() const { return *spec_; }

 private:
  explicit Tokenizer(std::unique_ptr<TokenizerSpec> spec);
  std::unique_ptr<TokenizerSpec> spec_;
};

/// Turns a stream of tokens into a stream of text; never splits a UTF-8 character and gives, in
/// sum, exactly Tokenizer::decode of all ids. Refers to the tokenizer, which must outlive it.
class StreamingDetokenizer {
 public:
  StreamingDetokenizer(const Tokenizer& tokenizer, bool skip_special);
  /// Text that `id` completes; empty while a character is incomplete.
  std::string push(TokenId id);
  /// What is left at the end; an incomplete character becomes U+FFFD.
  std::string flush();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  bool at_start_ = true;
  std::string pending_;
};

}  // namespace cecollm::model
