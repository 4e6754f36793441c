#include "apps/prompt_flags.hpp"

#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>

namespace cecollm::apps {

void add_prompt_flags(CLI::App& command, PromptFlags& flags) {
  command.add_option("--prompt", flags.text, "Text to continue");
  command.add_option("--prompt-file", flags.file, "File whose whole text is continued");
  command.add_option("--prompt-ids", flags.ids, "Token ids to continue, separated by commas")
      ->delimiter(',');
}

Outcome<Prompt> prompt_of(const PromptFlags& flags) {
  const int given = (flags.text ? 1 : 0) + (flags.file ? 1 : 0) + (flags.ids.empty() ? 0 : 1);
  if (given != 1) return misused("give one of --prompt, --prompt-file and --prompt-ids");
  if (flags.text) return Prompt{*flags.text};
  if (!flags.file) return Prompt{flags.ids};
  std::ifstream file(*flags.file, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || file.bad()) return misused("--prompt-file " + *flags.file + " cannot be read");
  return Prompt{text.str()};
}

}  // namespace cecollm::apps
