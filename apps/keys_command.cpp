#include "apps/keys_command.hpp"

#include <chrono>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "apps/key_file.hpp"

namespace cecollm::apps {
namespace {

struct KeyOptions {
  std::string file;
  std::string name;
};

Outcome<void> add_key(const KeyOptions& options, const CommandIo& io) {
  const auto secret = add_api_key(options.file, options.name, std::chrono::system_clock::now());
  if (!secret) return tl::unexpected(secret.error());
  // Alone on standard output, for scripts.
  io.err << "cecollm: the key of " << options.name << "; it is shown only this once" << std::endl;
  io.out << *secret << '\n';
  return {};
}

Outcome<void> list_keys(const KeyOptions& options, const CommandIo& io) {
  const auto keys = load_api_keys(options.file);
  if (!keys) return tl::unexpected(keys.error());
  for (const auto& key : keys->all()) io.out << key.created << "  " << key.name << '\n';
  return {};
}

Outcome<void> remove_key(const KeyOptions& options, const CommandIo&) {
  return remove_api_key(options.file, options.name);
}

using Action = Outcome<void> (*)(const KeyOptions&, const CommandIo&);

void register_action(CLI::App& keys, Command& chosen, const std::string& verb,
                     const std::string& help, bool named, Action action,
                     const std::string& footer) {
  CLI::App* command = keys.add_subcommand(verb, help);
  const auto options = std::make_shared<KeyOptions>();
  command->add_option("file", options->file, "The file of keys, as in api.keys")
      ->required()
      ->type_name("FILE");
  if (named) {
    command->add_option("name", options->name, "The key's name, under which its requests run")
        ->required()
        ->type_name("NAME");
  }
  command->footer(footer);
  command->callback([&chosen, options, action] {
    chosen = [options, action](const CommandIo& io) {
      return action(*options, io);
    };
  });
}

}  // namespace

void register_keys(CLI::App& app, Command& chosen) {
  CLI::App* keys = app.add_subcommand("keys", "Make and remove keys of the HTTP API");
  keys->require_subcommand(1);
  register_action(*keys, chosen, "add", "Make a key and print it, once", true, add_key,
                  "The file gets a salted hash; a node that runs reads it anew by itself.\n"
                  "Examples:\n"
                  "  cecollm keys add /etc/cecollm/api-keys alice");
  register_action(*keys, chosen, "list", "Print when each key was made, and its name", false,
                  list_keys,
                  "Examples:\n"
                  "  cecollm keys list /etc/cecollm/api-keys");
  register_action(*keys, chosen, "remove", "Remove a key, which then is none any more", true,
                  remove_key,
                  "Examples:\n"
                  "  cecollm keys remove /etc/cecollm/api-keys alice");
}

}  // namespace cecollm::apps
