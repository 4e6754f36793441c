#include "api/chat_request.hpp"

#include <string>
#include <utility>

namespace cecollm::api {
namespace {

constexpr std::size_t max_messages = 4096;
constexpr std::size_t max_variables = 64;

/// A string, or a list of parts that are text; they follow each other without anything between.
std::string read_content(JsonFields& message, const std::string& path) {
  const auto* content = message.find("content");
  if (content == nullptr) {
    message.refuse("content", "is missing");
    return "";
  }
  if (content->is_string()) return content->get<std::string>();
  if (!content->is_array()) {
    message.refuse("content", "is to be a string or a list of text parts");
    return "";
  }
  std::string text;
  for (std::size_t i = 0; i < content->size(); ++i) {
    const std::string name = "content[" + std::to_string(i) + "]";
    const auto& element = (*content)[i];
    if (!element.is_object()) {
      message.refuse(name, "is to be an object with type and text");
      return "";
    }
    JsonFields part(element, path + name + ".");
    const auto type = part.text("type").value_or("text");
    if (type != "text") part.refuse("type", "is '" + type + "', and only text is supported");
    if (auto piece = part.text("text")) {
      text += *piece;
    } else {
      part.refuse("text", "is missing");
    }
    if (part.problem()) {
      message.refuse(part.problem()->param.substr(path.size()),
                     part.problem()->message.substr(part.problem()->param.size() + 1));
      return "";
    }
  }
  return text;
}

model::ChatMessage read_message(JsonFields& fields, const std::string& path) {
  model::ChatMessage message;
  message.role = fields.text("role").value_or("");
  // The newer name of what templates know as the system's words.
  if (message.role == "developer") message.role = "system";
  if (message.role != "system" && message.role != "user" && message.role != "assistant") {
    fields.refuse("role", "is to be system, developer, user or assistant");
  }
  for (const char* name : {"tool_calls", "function_call"}) {
    if (const auto* calls = fields.find(name); calls != nullptr && !calls->empty()) {
      fields.refuse(name, "is not supported");
    }
  }
  message.content = read_content(fields, path);
  message.name = fields.text("name");
  message.reasoning = fields.text("reasoning_content");
  return message;
}

std::optional<Error> read_messages(JsonFields& fields, std::vector<model::ChatMessage>& messages) {
  const auto* list = fields.find("messages");
  if (list == nullptr || !list->is_array() || list->empty() || list->size() > max_messages) {
    fields.refuse("messages",
                  "is to be a list of from 1 to " + std::to_string(max_messages) + " messages");
    return std::nullopt;
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string name = "messages[" + std::to_string(i) + "]";
    if (!(*list)[i].is_object()) {
      fields.refuse(name, "is to be an object with role and content");
      return std::nullopt;
    }
    JsonFields message((*list)[i], name + ".");
    messages.push_back(read_message(message, name + "."));
    if (message.problem()) return message.problem();
  }
  return std::nullopt;
}

/// What else the template may read: `enable_thinking`, say.
void read_variables(JsonFields& fields, model::ChatEntries& variables) {
  const auto* object = fields.object("chat_template_kwargs");
  if (object == nullptr) return;
  if (object->size() > max_variables) {
    fields.refuse("chat_template_kwargs",
                  "has more than " + std::to_string(max_variables) + " values");
    return;
  }
  for (const auto& [name, value] : object->items()) {
    if (value.is_boolean()) {
      variables.emplace_back(name, model::ChatValue::boolean(value.get<bool>()));
    } else if (value.is_string()) {
      variables.emplace_back(name, model::ChatValue::text(value.get<std::string>()));
    } else if (value.is_number_integer() && !value.is_number_unsigned()) {
      variables.emplace_back(name, model::ChatValue::integer(value.get<std::int64_t>()));
    } else if (value.is_number()) {
      const auto number = value.get<double>();
      const bool whole = value.is_number_integer() && number < 9e18;
      variables.emplace_back(name, whole ? model::ChatValue::integer(value.get<std::int64_t>())
                                         : model::ChatValue::real(number));
    } else if (value.is_null()) {
      variables.emplace_back(name, model::ChatValue::none());
    } else {
      fields.refuse("chat_template_kwargs", "is to hold strings, numbers and booleans");
      return;
    }
  }
}

bool has_elements(const nlohmann::json* value) {
  return value != nullptr && (!value->is_structured() || !value->empty());
}

/// Fields of OpenAI's and others' that would change the answer and that we do not have.
void refuse_what_is_not_served(JsonFields& fields) {
  for (const char* name : {"tools", "functions"}) {
    if (has_elements(fields.find(name))) {
      fields.refuse(name, "is not supported: leave it out, or empty");
    }
  }
  if (const auto* choice = fields.find("tool_choice");
      choice != nullptr && *choice != "none" && *choice != "auto") {
    fields.refuse("tool_choice", "is to be none or auto: tools are not supported");
  }
  if (const auto* format = fields.object("response_format");
      format != nullptr && format->value("type", nlohmann::json("text")) != "text") {
    fields.refuse("response_format", "is to be of type text");
  }
  if (const auto* modalities = fields.find("modalities");
      modalities != nullptr && *modalities != nlohmann::json::array({"text"})) {
    fields.refuse("modalities", "is to be [\"text\"]");
  }
  if (fields.find("chat_template") != nullptr) {
    fields.refuse("chat_template", "is not supported: the model has its own");
  }
  if (fields.boolean("continue_final_message").value_or(false)) {
    fields.refuse("continue_final_message", "is not supported");
  }
}

}  // namespace

Result<ChatRequest> parse_chat_request(std::string_view body,
                                       const actors::GenerationRequest& defaults,
                                       const ServedModel& model, std::uint64_t fresh_seed) {
  const auto json = parse_object(body);
  if (!json) return tl::unexpected(json.error());
  JsonFields fields(*json);
  ChatRequest request;
  auto options = read_generation_options(fields, defaults, model, fresh_seed);
  if (!options) return tl::unexpected(options.error());
  request.options = std::move(*options);
  auto& generation = request.options.generation;
  // The newer name wins.
  for (const char* name : {"max_tokens", "max_completion_tokens"}) {
    generation.max_tokens = fields.integer(name, 0, std::numeric_limits<std::int32_t>::max())
                                .value_or(generation.max_tokens);
  }
  // In this API `logprobs` is true or false; a response without it has none.
  request.options.logprobs = fields.boolean("logprobs").value_or(false);
  generation.sampling.top_logprobs =
      static_cast<int>(fields.integer("top_logprobs", 0, model::max_top_logprobs).value_or(0));
  if (generation.sampling.top_logprobs > 0 && !request.options.logprobs) {
    fields.refuse("top_logprobs", "needs logprobs to be true");
  }
  request.chat.add_generation_prompt = fields.boolean("add_generation_prompt").value_or(true);
  request.add_special_tokens = fields.boolean("add_special_tokens").value_or(false);
  refuse_what_is_not_served(fields);
  read_variables(fields, request.chat.variables);
  if (fields.problem()) return tl::unexpected(*fields.problem());
  if (auto problem = read_messages(fields, request.chat.messages)) {
    return tl::unexpected(std::move(*problem));
  }
  if (fields.problem()) return tl::unexpected(*fields.problem());
  return request;
}

}  // namespace cecollm::api
