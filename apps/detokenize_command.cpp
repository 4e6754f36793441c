#include "apps/detokenize_command.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <CLI/CLI.hpp>

#include "apps/input.hpp"
#include "apps/tokenizer_source.hpp"

namespace cecollm::apps {
namespace {

struct DetokenizeOptions {
  TokenizerSource source;
  bool no_special = false;
  std::vector<std::string> ids;
};

/// Ids between blanks, commas and brackets, so that what tokenize prints, a list as flags take it
/// and a JSON array all serve.
Outcome<std::vector<model::TokenId>> parse_ids(std::string_view text, std::size_t vocab_size) {
  constexpr std::string_view separators = " \t\r\n,[]";
  std::vector<model::TokenId> ids;
  for (std::size_t begin = text.find_first_not_of(separators); begin != std::string_view::npos;
       begin = text.find_first_not_of(separators, begin)) {
    const std::size_t end = std::min(text.find_first_of(separators, begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    model::TokenId id = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc{} || stop != word.data() + word.size()) {
      return misused("'" + std::string(word.substr(0, 40)) +
                     "' is no token id; give whole numbers");
    }
    if (id < 0 || static_cast<std::size_t>(id) >= vocab_size) {
      return misused("token id " + std::to_string(id) + " is outside the vocabulary of " +
                     std::to_string(vocab_size));
    }
    ids.push_back(id);
    begin = end;
  }
  return ids;
}

Outcome<void> run(const DetokenizeOptions& options, const CommandIo& io) {
  const auto tokenizer = load_tokenizer(options.source);
  if (!tokenizer) return tl::unexpected(tokenizer.error());
  std::string text;
  if (options.ids.empty()) {
    auto read = read_all(io.in);
    if (!read) return tl::unexpected(read.error());
    text = *std::move(read);
  } else {
    for (const std::string& argument : options.ids) text += argument + " ";
  }
  const auto ids = parse_ids(text, tokenizer->vocab_size());
  if (!ids) return tl::unexpected(ids.error());
  io.out << tokenizer->decode(*ids, options.no_special);
  return {};
}

}  // namespace

void register_detokenize(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("detokenize", "Token ids, as arguments or on standard input, to text");
  const auto options = std::make_shared<DetokenizeOptions>();
  add_tokenizer_flags(*command, options->source);
  command->add_flag("--no-special", options->no_special, "Leave special tokens out of the text");
  command->add_option("ids", options->ids, "Token ids; without any, standard input is read")
      ->type_name("ID");
  command->footer(
      "Prints the text as it is, without a line end of its own.\n"
      "Examples:\n"
      "  cecollm detokenize --model models/default 404 1027 259\n"
      "  cecollm tokenize --model models/default < story.txt |\n"
      "    cecollm detokenize --model models/default");
  command->callback([&chosen, options] {
    chosen = [options](const CommandIo& io) {
      return run(*options, io);
    };
  });
}

}  // namespace cecollm::apps
