// A file of cecollm record: every row, id and reading of what is accepted is there.

#include <cstddef>
#include <span>

#include "load/recording_file.hpp"

#include "tests/fuzz/targets.hpp"

namespace cecollm::fuzz {

void recording(std::string_view input) {
  const auto bytes = std::as_bytes(std::span(input));
  const auto parsed = load::parse_recording(bytes, "recording", nullptr);
  if (!parsed) {
    require(!parsed.error().message.empty(), "a refusal says why");
    return;
  }
  const auto& model = parsed->model();
  const auto row_bytes = model.codec->row_bytes(model.hidden_size);
  for (const auto& generation : parsed->generations()) {
    const auto rows = generation.prompt.size() + generation.tokens.size() - 1;
    require(generation.rows.size() == rows * row_bytes, "there is a row for every position");
    require(parsed->find(generation.prompt) != nullptr, "a prompt finds its generation");
    for (const auto& token : generation.tokens) {
      require(token.id >= 0 && token.id < model.vocab_size, "ids lie within the vocabulary");
    }
  }
}

}  // namespace cecollm::fuzz
