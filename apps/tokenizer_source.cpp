#include "apps/tokenizer_source.hpp"

#include <system_error>
#include <utility>

#include <CLI/CLI.hpp>

namespace cecollm::apps {

void add_tokenizer_flags(CLI::App& command, TokenizerSource& source) {
  CLI::Option_group* group = command.add_option_group("Tokenizer");
  group->add_option("--model", source.directory, "Directory of a checkpoint")->type_name("DIR");
  group->add_option("--tokenizer", source.file, "A tokenizer.json")->type_name("FILE");
  group->require_option(1);
}

Outcome<model::Tokenizer> load_tokenizer(const TokenizerSource& source) {
  auto tokenizer = model::Tokenizer::load(source.file.empty() ? source.directory : source.file);
  if (!tokenizer) return tl::unexpected(to_failure(tokenizer.error()));
  return *std::move(tokenizer);
}

Outcome<std::shared_ptr<const model::Tokenizer>> load_optional_tokenizer(
    const std::filesystem::path& directory) {
  std::error_code ignored;  // unreadable directories were refused with the checkpoint
  if (!std::filesystem::exists(directory / "tokenizer.json", ignored)) {
    return std::shared_ptr<const model::Tokenizer>();
  }
  auto tokenizer = model::Tokenizer::load(directory);
  if (!tokenizer) return tl::unexpected(to_failure(tokenizer.error()));
  return std::make_shared<const model::Tokenizer>(std::move(*tokenizer));
}

}  // namespace cecollm::apps
