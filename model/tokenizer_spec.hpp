#pragma once
// A parsed tokenizer.json: the stages that text passes through on its way to ids and back.
// Internal to the tokenizer.

#include <filesystem>
#include <memory>

#include "model/error.hpp"
#include "model/tokenizer_added_tokens.hpp"
#include "model/tokenizer_bpe.hpp"
#include "model/tokenizer_decoder.hpp"
#include "model/tokenizer_normalizer.hpp"
#include "model/tokenizer_pre_tokenizer.hpp"
#include "model/tokenizer_template.hpp"
#include "model/tokenizer_vocabulary.hpp"

namespace cecollm::model {

struct TokenizerSpec {
  Vocabulary vocabulary;
  Normalizer normalizer;
  AddedTokens added_tokens;
  PreTokenizer pre_tokenizer;
  Bpe bpe;
  Template post_processor;
  Decoder decoder;
};

/// `truncation` and `padding` of the file are not applied: how long a prompt may be is not for the
/// tokenizer to say.
Result<std::unique_ptr<TokenizerSpec>> read_tokenizer_spec(const std::filesystem::path& file);

}  // namespace cecollm::model
