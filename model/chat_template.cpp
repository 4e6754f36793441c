#include "model/chat_template.hpp"

#include <system_error>

#include "model/chat_template_evaluation.hpp"
#include "model/chat_template_tree.hpp"
#include "model/json_file.hpp"
#include "model/quoting.hpp"
#include "model/unicode.hpp"

namespace cecollm::model {
namespace {

constexpr std::size_t max_source_bytes = 256U << 10U;
constexpr std::size_t max_tokenizer_config_bytes = 16U << 20U;
constexpr std::size_t max_stop_strings = 16;

/// A special token as tokenizer_config.json has them: a string, or an object with its content.
std::optional<std::string> token_text(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object()) return std::nullopt;
  const auto content = value.find("content");
  if (content == value.end() || !content->is_string()) return std::nullopt;
  return content->get<std::string>();
}

ChatEntries special_tokens(const nlohmann::json& config) {
  ChatEntries tokens;
  for (const char* name : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token",
                           "cls_token", "mask_token"}) {
    const auto found = config.find(name);
    if (found == config.end()) continue;
    if (auto text = token_text(*found))
      tokens.emplace_back(name, ChatValue::text(*std::move(text)));
  }
  return tokens;
}

/// `chat_template` is a string, or a list of named ones.
Result<std::optional<std::string>> source_in(const nlohmann::json& config,
                                             const std::filesystem::path& file) {
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_array()) {
    for (const auto& entry : *found) {
      if (entry.is_object() && entry.value("name", nlohmann::json()) == "default" &&
          entry.value("template", nlohmann::json()).is_string()) {
        return entry["template"].get<std::string>();
      }
    }
  }
  return fail(ErrorCode::malformed, file.string() +
                                        ": chat_template: must be a string, or a list of objects "
                                        "with name and template, one of them called \"default\"");
}

Result<std::optional<std::string>> read_source(const std::filesystem::path& directory,
                                               const nlohmann::json& config,
                                               const std::filesystem::path& config_file,
                                               std::string& place) {
  const auto file = directory / "chat_template.jinja";
  std::error_code ignored;  // what cannot be looked at is read, which reports the error
  if (!std::filesystem::exists(file, ignored)) {
    place = config_file.string() + ": chat_template";
    return source_in(config, config_file);
  }
  place = file.string();
  auto source = read_file(file, max_source_bytes);
  if (!source) return tl::unexpected(source.error());
  return *std::move(source);
}

Result<std::vector<std::string>> read_stop_strings(const std::filesystem::path& directory) {
  const auto file = directory / "generation_config.json";
  std::vector<std::string> stops;
  std::error_code ignored;  // as above
  if (!std::filesystem::exists(file, ignored)) return stops;
  const auto config = read_json_object(file, max_tokenizer_config_bytes);
  if (!config) return tl::unexpected(config.error());
  const auto found = config->find("stop_strings");
  if (found == config->end() || found->is_null()) return stops;
  const auto list = found->is_array() ? *found : nlohmann::json::array({*found});
  for (const auto& stop : list) {
    if (!stop.is_string() || stop.get_ref<const std::string&>().empty() ||
        stops.size() == max_stop_strings) {
      return fail(ErrorCode::malformed,
                  file.string() + ": stop_strings: must be a string or a list of at most " +
                      std::to_string(max_stop_strings) + ", none of them empty");
    }
    stops.push_back(stop.get<std::string>());
  }
  return stops;
}

ChatValue value_of(const ChatMessage& message) {
  ChatEntries entries{{"role", ChatValue::text(message.role)},
                      {"content", ChatValue::text(message.content)}};
  if (message.name) entries.emplace_back("name", ChatValue::text(*message.name));
  if (message.reasoning) {
    entries.emplace_back("reasoning_content", ChatValue::text(*message.reasoning));
  }
  return ChatValue::map(std::move(entries));
}

}  // namespace

std::string to_string(const TemplateFailure& failure) {
  const std::string who = "the chat template";
  if (failure.kind == TemplateFailure::Kind::raised) {
    return who + " refuses these messages: " + failure.message;
  }
  return who + ", line " + std::to_string(failure.line) + ": " + failure.message;
}

ChatTemplate::ChatTemplate(std::unique_ptr<const TemplateTree> tree, ChatEntries variables)
    : tree_(std::move(tree)), variables_(std::move(variables)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<ChatTemplate> ChatTemplate::parse(std::string_view source, ChatEntries variables) {
  if (source.size() > max_source_bytes) {
    return fail(ErrorCode::malformed, std::to_string(source.size()) + " bytes long, at most " +
                                          std::to_string(max_source_bytes) + " are accepted");
  }
  if (!is_well_formed_utf8(source)) return fail(ErrorCode::malformed, "no UTF-8");
  auto tree = parse_template(source);
  if (!tree) return tl::unexpected(tree.error());
  return ChatTemplate(std::make_unique<const TemplateTree>(std::move(*tree)), std::move(variables));
}

Result<std::optional<ChatTemplate>> ChatTemplate::load(const std::filesystem::path& directory) {
  const auto config_file = directory / "tokenizer_config.json";
  nlohmann::json config = nlohmann::json::object();
  std::error_code ignored;  // as above
  if (std::filesystem::exists(config_file, ignored)) {
    auto read = read_json_object(config_file, max_tokenizer_config_bytes);
    if (!read) return tl::unexpected(read.error());
    config = *std::move(read);
  }
  std::string place;
  const auto source = read_source(directory, config, config_file, place);
  if (!source) return tl::unexpected(source.error());
  if (!*source) return std::nullopt;
  auto parsed = parse(**source, special_tokens(config));
  if (!parsed) return fail(parsed.error().code, place + ": " + parsed.error().message);
  auto stops = read_stop_strings(directory);
  if (!stops) return tl::unexpected(stops.error());
  parsed->stop_strings_ = *std::move(stops);
  return *std::move(parsed);
}

tl::expected<std::string, TemplateFailure> ChatTemplate::render(
    const ChatInput& input, const TemplateLimits& limits) const {
  auto variables = variables_;
  for (const auto& [name, value] : input.variables) set_entry(variables, name, value);
  ChatItems messages;
  for (const auto& message : input.messages) messages.push_back(value_of(message));
  set_entry(variables, "messages", ChatValue::list(std::move(messages)));
  set_entry(variables, "add_generation_prompt", ChatValue::boolean(input.add_generation_prompt));
  set_entry(variables, "tools", ChatValue::none());
  TemplateRun run(limits);
  auto text = TemplateEvaluation(std::move(variables), input, run).render(*tree_);
  if (run.failed()) return tl::unexpected(*run.failure());
  return text;
}

}  // namespace cecollm::model
