#include "api/service.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <random>
#include <utility>

#include "actors/type_ids.hpp"
#include "api/chat_response.hpp"
#include "api/completion_response.hpp"
#include "api/token_requests.hpp"
#include "model/guarded_text.hpp"

namespace cecollm::api {
namespace {

std::uint64_t random_number() {
  std::random_device source;
  return (std::uint64_t{source()} << 32U) | source();
}

std::int64_t seconds_since_1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

std::string hexadecimal(std::uint64_t number) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, number >>= 4U) {
    *digit = digits[number & 15U];
  }
  return text;
}

/// The local time of day; nothing where the format gives more than a kilobyte.
std::string local_time(const std::string& format) {
  const std::time_t now = std::time(nullptr);
  std::tm time{};
  ::localtime_r(&now, &time);
  std::array<char, 1024> text{};
  const auto size = std::strftime(text.data(), text.size(), format.c_str(), &time);
  return {text.data(), size};
}

Error error_of(const model::TemplateFailure& failure) {
  const bool ours = failure.kind == model::TemplateFailure::Kind::unsupported;
  return {ours ? 500 : 400, to_string(failure), ours ? "" : "messages"};
}

const Error not_accepting{503, "the edge is shutting down"};

}  // namespace

Service::Service(ServiceSetting setting)
    : setting_(std::move(setting)),
      slots_(setting_.max_streams),
      started_(seconds_since_1970()),
      instance_(hexadecimal(random_number())) {}

std::vector<http::Route> Service::routes() {
  return {
      {"POST", "/v1/completions",
       [this](const http::Request& request, http::Client& client) {
         return complete(request, client);
       }},
      {"POST", "/v1/chat/completions",
       [this](const http::Request& request, http::Client& client) {
         return chat(request, client);
       }},
      {"GET", "/v1/models",
       [this](const http::Request&, http::Client&) {
         return models();
       }},
      {"POST", "/tokenize",
       [this](const http::Request& request, http::Client&) {
         return tokenize(request);
       }},
      {"POST", "/detokenize",
       [this](const http::Request& request, http::Client&) {
         return detokenize(request);
       }},
  };
}

http::Response Service::complete(const http::Request& request, http::Client& client) {
  if (!setting_.accepting()) return error_response(not_accepting);
  const auto parsed =
      parse_completion_request(request.body, defaults_of(request), setting_.model, random_number());
  if (!parsed) return error_response(parsed.error());
  std::vector<Encoded> prompts;
  for (const auto& prompt : parsed->prompts) {
    auto encoded = encode(prompt, parsed->echo);
    if (!encoded) return error_response(encoded.error());
    prompts.push_back(std::move(*encoded));
  }
  const auto& options = parsed->options;
  return generate(prompts, options,
                  std::make_unique<CompletionWriter>(new_head("cmpl-"), detail_of(options),
                                                     options.include_usage),
                  client);
}

http::Response Service::chat(const http::Request& request, http::Client& client) {
  if (!setting_.accepting()) return error_response(not_accepting);
  auto parsed =
      parse_chat_request(request.body, defaults_of(request), setting_.model, random_number());
  if (!parsed) return error_response(parsed.error());
  if (setting_.chat_template == nullptr || setting_.tokenizer == nullptr) {
    return error_response({400,
                           setting_.chat_template == nullptr ? setting_.no_chat_reason
                                                             : "the model has no tokenizer.json",
                           "messages", "no_chat_template"});
  }
  auto options = parsed->options;
  for (const auto& stop : setting_.chat_template->stop_strings()) {
    if (std::ranges::find(options.generation.stop, stop) == options.generation.stop.end()) {
      options.generation.stop.push_back(stop);
    }
  }
  const auto prompt = encode(*std::move(parsed));
  if (!prompt) return error_response(prompt.error());
  return generate({*prompt}, options,
                  std::make_unique<ChatWriter>(new_head("chatcmpl-"), detail_of(options),
                                               options.include_usage),
                  client);
}

Result<Service::Encoded> Service::encode(ChatRequest request) const {
  const auto& tokenizer = *setting_.tokenizer;
  for (auto& message : request.chat.messages) {
    message.content = model::guarded(tokenizer, message.content);
    if (message.name) message.name = model::guarded(tokenizer, *message.name);
    if (message.reasoning) message.reasoning = model::guarded(tokenizer, *message.reasoning);
  }
  for (auto& variable : request.chat.variables) {
    if (const auto* text = variable.second.as_text()) {
      variable.second = model::ChatValue::text(model::guarded(tokenizer, *text));
    }
  }
  request.chat.format_now = local_time;
  const auto text = setting_.chat_template->render(request.chat);
  if (!text) return tl::unexpected(error_of(text.error()));
  return checked({model::encode_guarded(tokenizer, *text, request.add_special_tokens), ""},
                 "messages");
}

actors::GenerationRequest Service::defaults_of(const http::Request& request) const {
  auto defaults = setting_.defaults();
  defaults.owner = request.identity;
  return defaults;
}

Result<Service::Encoded> Service::encode(const Prompt& prompt, bool with_text) const {
  Encoded encoded;
  const auto* tokenizer = setting_.tokenizer.get();
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    encoded.ids = tokenizer->encode(*text, true);
    if (with_text) encoded.text = *text;
  } else {
    encoded.ids = std::get<std::vector<model::TokenId>>(prompt);
    if (with_text && tokenizer != nullptr) encoded.text = tokenizer->decode(encoded.ids, true);
  }
  return checked(std::move(encoded), "prompt");
}

Result<Service::Encoded> Service::checked(Encoded encoded, const char* param) const {
  if (encoded.ids.empty()) return invalid(param, "the prompt is empty: give at least one token");
  if (std::cmp_greater_equal(encoded.ids.size(), setting_.model.max_positions)) {
    return tl::unexpected(Error{400,
                                "the prompt has " + std::to_string(encoded.ids.size()) +
                                    " tokens, the model's context ends at " +
                                    std::to_string(setting_.model.max_positions) + ": shorten it",
                                param, "context_length_exceeded"});
  }
  return encoded;
}

http::Response Service::generate(const std::vector<Encoded>& prompts,
                                 const GenerationOptions& options,
                                 std::unique_ptr<const ResponseWriter> writer,
                                 http::Client& client) {
  const std::size_t count = prompts.size() * options.n;
  if (count > slots_.limit()) {
    return error_response({400,
                           "n times the number of prompts is " + std::to_string(count) +
                               ", and at most " + std::to_string(slots_.limit()) +
                               " generations run at a time",
                           "n"});
  }
  auto lease = slots_.take(count);
  if (!lease) {
    return error_response(
        {429, "as many generations run as may; try again later", "", "rate_limit_exceeded"});
  }
  auto events = std::make_shared<GenerationEvents>();
  if (events->descriptor() < 0) {
    return error_response({503, "no file descriptor is left for this request; try again later"});
  }
  AnswerPlan plan;
  plan.stream = options.stream;
  plan.usage_piece = options.include_usage;
  std::vector<actors::GenerationRequest> requests;
  for (const auto& prompt : prompts) {
    plan.prompt_tokens += static_cast<std::int64_t>(prompt.ids.size());
    for (std::size_t j = 0; j < options.n; ++j) {
      auto& request = requests.emplace_back(options.generation);
      request.prompt = prompt.ids;
      request.sampling.seed += j;
      plan.openings.push_back(prompt.text);
    }
  }
  return answer(
      std::make_shared<RunningChoices>(*setting_.system, setting_.edge, std::move(requests),
                                       *std::move(lease), std::move(events)),
      std::move(writer), std::move(plan), client);
}

ResponseHead Service::new_head(std::string_view kind) {
  return {std::string(kind) + instance_ + "-" + std::to_string(++requests_), seconds_since_1970(),
          setting_.model.name};
}

TokenDetail Service::detail_of(const GenerationOptions& options) const {
  return {options.logprobs, options.extended, &setting_.model, setting_.tokenizer.get()};
}

http::Response Service::models() const {
  const auto& model = setting_.model;
  return json_response(text_of({{"object", "list"},
                                {"data", Json::array({{{"id", model.name},
                                                       {"object", "model"},
                                                       {"created", started_},
                                                       {"owned_by", "cecollm"},
                                                       {"max_model_len", model.max_positions},
                                                       {"exit_layers", model.exit_layers}}})}}));
}

http::Response Service::tokenize(const http::Request& request) const {
  const auto parsed = parse_tokenize_request(request.body);
  if (!parsed) return error_response(parsed.error());
  if (!setting_.tokenizer) return error_response({400, "the model has no tokenizer.json"});
  return json_response(tokenize_json(
      setting_.tokenizer->encode(parsed->prompt, parsed->add_special_tokens), setting_.model));
}

http::Response Service::detokenize(const http::Request& request) const {
  const auto parsed = parse_detokenize_request(request.body, setting_.model);
  if (!parsed) return error_response(parsed.error());
  if (!setting_.tokenizer) return error_response({400, "the model has no tokenizer.json"});
  return json_response(detokenize_json(setting_.tokenizer->decode(*parsed, false)));
}

}  // namespace cecollm::api
