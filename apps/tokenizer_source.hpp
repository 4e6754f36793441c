#pragma once
// Which tokenizer a command works with: a checkpoint's or a file.

#include <filesystem>
#include <memory>
#include <string>

#include "apps/failure.hpp"
#include "model/tokenizer.hpp"

namespace CLI {
class App;
}

namespace cecollm::apps {

struct TokenizerSource {
  std::string directory;  // --model
  std::string file;       // --tokenizer
};

/// Adds --model DIR and --tokenizer FILE, exactly one of which is needed. `source` must live until
/// the command line is parsed.
void add_tokenizer_flags(CLI::App& command, TokenizerSource& source);

Outcome<model::Tokenizer> load_tokenizer(const TokenizerSource& source);

/// The tokenizer in a checkpoint's directory; null where it has none, since prompts may come as
/// ids.
Outcome<std::shared_ptr<const model::Tokenizer>> load_optional_tokenizer(
    const std::filesystem::path& directory);

}  // namespace cecollm::apps
