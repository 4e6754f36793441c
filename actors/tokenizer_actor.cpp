#include "actors/tokenizer_actor.hpp"

#include <utility>

namespace cecollm::actors {

tokenizer_actor::behavior_type tokenizer(tokenizer_actor::stateful_pointer<TokenizerState>,
                                         std::shared_ptr<const model::Tokenizer> tokenizer) {
  return {
      [tokenizer = std::move(tokenizer)](const EncodePrompt& prompt) {
        return EncodedPrompt{tokenizer->encode(prompt.text, true)};
      },
  };
}

}  // namespace cecollm::actors
