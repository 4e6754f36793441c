#pragma once
// Chat templates of Hugging Face checkpoints: Jinja as far as the templates of Llama, Mistral, Qwen
// and their like use it. From messages to the text of a prompt.
//
// Supported: output, comments, raw; if, for (with if and else), set (also of namespaces and
// blocks), macro, break, continue, generation; all operators but % on strings; slices, `loop.*`,
// filters, tests and methods of strings and maps as chat_template_{filters,tests,methods}.cpp
// list them; tuples are lists. Templates are read with trim_blocks and lstrip_blocks, as Hugging
// Face does. Statements that are not supported are refused when a template is read; filters, tests,
// methods and functions where a rendering meets them.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/chat_value.hpp"
#include "model/error.hpp"

namespace cecollm::model {

/// What one rendering may take.
struct TemplateLimits {
  std::int64_t steps = 2'000'000;         // nodes computed
  std::size_t bytes = 256U << 20U;        // text made and looked through, all in all
  std::size_t output_bytes = 16U << 20U;  // of the prompt
  int depth = 200;                        // calls and expressions within each other
};

struct TemplateFailure {
  enum class Kind {
    raised,       // the template's own raise_exception: these messages are not for it
    failed,       // the messages lack what it reads, or are of a kind that it does not expect
    too_large,    // a limit was hit
    unsupported,  // it uses something that is not implemented
  };
  Kind kind = Kind::failed;
  int line = 0;         // of the template, from 1
  std::string message;  // for `raised`, the template's words
};

/// "the chat template, line 3: …".
std::string to_string(const TemplateFailure& failure);

struct ChatMessage {
  std::string role;
  std::string content;
  std::optional<std::string> name{};
  std::optional<std::string> reasoning{};  // reasoning_content
};

struct ChatInput {
  std::vector<ChatMessage> messages;
  bool add_generation_prompt = true;  // end with what opens the assistant's turn
  ChatEntries variables{};            // more of them; they do not replace the above
  /// The present time as strftime's format says; where there is none, templates find no
  /// strftime_now. At most 128 bytes of format are asked for.
  std::function<std::string(const std::string& format)> format_now{};
};

struct TemplateTree;

/// Immutable and safe to share between threads.
class ChatTemplate {
 public:
  /// `variables` are there in every rendering: bos_token, say. Fails with `unsupported` or
  /// `malformed`; the message names line and construct.
  static Result<ChatTemplate> parse(std::string_view source, ChatEntries variables = {});
  /// The template of a checkpoint: chat_template.jinja, else tokenizer_config.json's
  /// `chat_template` (of several, the one called "default"), with the special tokens named there.
  /// Nothing where the checkpoint has none.
  static Result<std::optional<ChatTemplate>> load(const std::filesystem::path& directory);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  tl::expected<std::string, TemplateFailure> render(const ChatInput& input,
                                                    const TemplateLimits& limits = {}) const;
  /// Strings that end a turn beside the end tokens: `stop_strings` of generation_config.json.
  const std::vector<std::string>& stop_strings() const { return stop_strings_; }

 private:
  ChatTemplate(std::unique_ptr<const TemplateTree> tree, ChatEntries variables);

  std::unique_ptr<const TemplateTree> tree_;
  ChatEntries variables_;
  std::vector<std::string> stop_strings_;
};

}  // namespace cecollm::model
