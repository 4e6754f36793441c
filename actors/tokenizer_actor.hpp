#pragma once
// Tokenizer actor: prompts to ids, off the I/O thread. (Ids to text happens where the
// stream is kept: in the generation.)

#include <memory>

#include "actors/type_ids.hpp"
#include "model/tokenizer.hpp"

namespace cecollm::actors {

using tokenizer_actor = caf::typed_actor<
    /// Encodes with the template's special tokens.
    caf::replies_to<EncodePrompt>::with<EncodedPrompt>>;

struct TokenizerState {
  static inline const char* name = "tokenizer";
};

tokenizer_actor::behavior_type tokenizer(tokenizer_actor::stateful_pointer<TokenizerState> self,
                                         std::shared_ptr<const model::Tokenizer> tokenizer);

}  // namespace cecollm::actors
