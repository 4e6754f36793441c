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
class DecoderStream;   // a decoder at work; internal

/// Immutable once loaded and safe to share between threads.
class Tokenizer {
 public:
  /// `path` is a tokenizer.json or a directory that holds one. Fails with `unreadable`, with
  /// `malformed`, or with `unsupported` for a component that is not implemented; the message names
  /// the file, the place in it and the reason.
  static Result<Tokenizer> load(const std::filesystem::path& path);
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  /// `text` must be UTF-8; ill-formed sequences are read as U+FFFD. Special tokens written in the
  /// text are recognised; `add_special` applies the template (a BOS, say). Takes time O(n log n) in
  /// the length of the text. Where a text drives a regular expression of the file beyond PCRE2's
  /// bound on backtracking, the rest of the text is one word: the ids may then differ from Hugging
  /// Face's, the text that they spell does not.
  std::vector<TokenId> encode(std::string_view text, bool add_special) const;
  /// The text of `ids`; ids outside the vocabulary give nothing. Bytes that are no UTF-8 become
  /// U+FFFD: in byte-level BPE one for each maximal subpart, in byte fallback one for each byte.
  std::string decode(std::span<const TokenId> ids, bool skip_special) const;

  /// Number of tokens, added ones included. Ids may have holes, so an id can exceed it.
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
  StreamingDetokenizer(StreamingDetokenizer&&) noexcept;
  StreamingDetokenizer& operator=(StreamingDetokenizer&&) noexcept;
  ~StreamingDetokenizer();

  /// Text that `id` completes; empty while a character is incomplete.
  std::string push(TokenId id);
  /// What is left at the end; an incomplete character becomes U+FFFD.
  std::string flush();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  std::unique_ptr<DecoderStream> stream_;
};

}  // namespace cecollm::model
