// Bodies of the HTTP API: a request, or an error that says what is wrong in valid JSON.

#include "api/completion_request.hpp"

#include <nlohmann/json.hpp>

#include "api/chat_request.hpp"
#include "api/token_requests.hpp"
#include "tests/fuzz/targets.hpp"

namespace cecollm::fuzz {
namespace {

api::ServedModel served_model() {
  api::ServedModel model;
  model.name = "default";
  model.vocabulary = 1000;
  model.max_positions = 512;
  model.exit_layers = {3, 6};
  model.modes = {policy::all_modes.begin(), policy::all_modes.end()};
  model.has_tokenizer = true;
  return model;
}

void check_error(const api::Error& error) {
  require(error.status >= 400 && error.status < 500, "the client is at fault");
  const auto json = nlohmann::json::parse(api::to_json(error), nullptr, false);
  require(json.is_object() && json.contains("error"), "errors are JSON");
}

void check_ids(const std::vector<model::TokenId>& ids, const api::ServedModel& model) {
  for (const auto id : ids) {
    require(id >= 0 && id < model.vocabulary, "ids lie within the vocabulary");
  }
}

void check_chat(std::string_view input, const api::ServedModel& model) {
  const auto request = api::parse_chat_request(input, {}, model, 1);
  if (!request) return check_error(request.error());
  require(!request->chat.messages.empty(), "there is a message");
  for (const auto& message : request->chat.messages) {
    require(message.role == "system" || message.role == "user" || message.role == "assistant",
            "roles are known");
  }
  require(request->options.generation.max_tokens >= 0, "max_tokens is not negative");
}

}  // namespace

void completion_request(std::string_view input) {
  static const api::ServedModel model = served_model();
  check_chat(input, model);
  const auto request = api::parse_completion_request(input, {}, model, 1);
  if (request) {
    require(!request->prompts.empty(), "there is a prompt");
    for (const auto& prompt : request->prompts) {
      if (const auto* ids = std::get_if<std::vector<model::TokenId>>(&prompt)) {
        check_ids(*ids, model);
      }
    }
    require(request->options.n >= 1 && request->options.n <= 128, "n has a bound");
    require(request->options.generation.max_tokens >= 0, "max_tokens is not negative");
  } else {
    check_error(request.error());
  }
  if (const auto tokenize = api::parse_tokenize_request(input); !tokenize) {
    check_error(tokenize.error());
  }
  if (const auto ids = api::parse_detokenize_request(input, model)) {
    check_ids(*ids, model);
  } else {
    check_error(ids.error());
  }
}

}  // namespace cecollm::fuzz
