#include "apps/tokenize_command.hpp"

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "apps/input.hpp"
#include "apps/tokenizer_source.hpp"

namespace cecollm::apps {
namespace {

struct TokenizeOptions {
  TokenizerSource source;
  bool no_special = false;
  bool json = false;
};

Outcome<void> run(const TokenizeOptions& options, const CommandIo& io) {
  const auto tokenizer = load_tokenizer(options.source);
  if (!tokenizer) return tl::unexpected(tokenizer.error());
  const auto text = read_all(io.in);
  if (!text) return tl::unexpected(text.error());
  const std::vector<model::TokenId> ids = tokenizer->encode(*text, !options.no_special);

  if (options.json) {
    nlohmann::json pieces = nlohmann::json::array();
    for (const model::TokenId id : ids) pieces.push_back(std::string(tokenizer->piece(id)));
    const nlohmann::json object{{"ids", ids}, {"tokens", std::move(pieces)}};
    io.out << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    return {};
  }
  for (std::size_t i = 0; i < ids.size(); ++i) io.out << (i == 0 ? "" : " ") << ids[i];
  io.out << '\n';
  return {};
}

}  // namespace

void register_tokenize(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("tokenize", "Text on standard input to token ids");
  const auto options = std::make_shared<TokenizeOptions>();
  add_tokenizer_flags(*command, options->source);
  command->add_flag("--no-special", options->no_special,
                    "Do not add special tokens such as a beginning-of-text");
  command->add_flag("--json", options->json, "Print {\"ids\": […], \"tokens\": […]}");
  command->footer(
      "Examples:\n"
      "  echo 'Once upon a time' | cecollm tokenize --model models/default\n"
      "  cecollm tokenize --tokenizer tokenizer.json --no-special --json < story.txt");
  command->callback([&chosen, options] {
    chosen = [options](const CommandIo& io) {
      return run(*options, io);
    };
  });
}

}  // namespace cecollm::apps
