#include "api/answer.hpp"

#include <optional>
#include <utility>

namespace cecollm::api {
namespace {

using actors::FinishReason;
using actors::GenerationFinished;
using actors::TokenEvent;

/// Why a generation gave no answer, where it did not.
std::optional<Error> error_of(const GenerationFinished& end) {
  if (end.reason == FinishReason::cancelled) return Error{503, "the edge is shutting down"};
  if (end.reason != FinishReason::failed) return std::nullopt;
  if (end.unavailable) return Error{503, end.error};
  return Error{end.user_error ? 400 : 500, end.error};
}

std::optional<Error> error_of(const GenerationEvent& event) {
  const auto* end = std::get_if<GenerationFinished>(&event.what);
  return end == nullptr ? std::nullopt : error_of(*end);
}

void count(const GenerationFinished& end, Usage& usage) {
  usage.completion_tokens += end.completion_tokens;
  usage.cached_tokens += end.resumed_tokens;
}

/// A response that nobody is there to read.
http::Response abandoned() {
  return error_response({499, "the client hung up"});
}

http::Response answer_whole(RunningChoices& running, const ResponseWriter& writer,
                            const AnswerPlan& plan, http::Client& client) {
  struct Choice {
    std::string text;
    std::vector<TokenEvent> tokens;
    GenerationFinished end;
  };
  std::vector<Choice> choices(plan.openings.size());
  for (std::size_t i = 0; i < choices.size(); ++i) choices[i].text = plan.openings[i];
  Usage usage{plan.prompt_tokens};
  for (std::size_t open = choices.size(); open > 0;) {
    auto event = running.next(client);
    if (!event) return abandoned();
    if (const auto error = error_of(*event)) return error_response(*error);
    auto& choice = choices[event->choice];
    if (auto* token = std::get_if<TokenEvent>(&event->what)) {
      choice.text += token->text;
      choice.tokens.push_back(std::move(*token));
      continue;
    }
    choice.end = std::get<GenerationFinished>(std::move(event->what));
    choice.text += choice.end.tail;
    count(choice.end, usage);
    --open;
  }
  std::vector<ChoicePart> parts;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const auto& choice = choices[i];
    parts.push_back(
        {i, choice.text, choice.tokens, count_characters(plan.openings[i]), &choice.end});
  }
  return json_response(writer.whole(parts, usage));
}

/// A stream under way: what has been sent of each choice.
class EventStream {
 public:
  EventStream(std::shared_ptr<RunningChoices> running, std::shared_ptr<const ResponseWriter> writer,
              AnswerPlan plan, GenerationEvent first)
      : running_(std::move(running)),
        writer_(std::move(writer)),
        plan_(std::move(plan)),
        first_(std::move(first)),
        open_(plan_.openings.size()),
        sent_(plan_.openings.size()) {}

  bool run(http::BodyWriter& body, http::Client& client) {
    Usage usage{plan_.prompt_tokens};
    std::optional<GenerationEvent> event = std::move(first_);
    while (true) {
      if (const auto error = error_of(*event)) {
        return body.write(stream_event(to_json(*error))) && body.write(stream_end);
      }
      if (!body.write(piece(*event))) return false;
      if (const auto* end = std::get_if<GenerationFinished>(&event->what)) {
        count(*end, usage);
        if (--open_ == 0) break;
      }
      event = running_->next(client);
      if (!event) return false;
    }
    if (plan_.usage_piece && !body.write(stream_event(writer_->usage_piece(usage)))) return false;
    return body.write(stream_end);
  }

 private:
  struct Sent {
    bool anything = false;
    std::int64_t characters = 0;
  };

  std::string piece(const GenerationEvent& event) {
    auto& sent = sent_[event.choice];
    const bool first = !std::exchange(sent.anything, true);
    ChoicePart part;
    part.index = event.choice;
    if (first) {
      part.text = plan_.openings[event.choice];
      sent.characters = count_characters(part.text);
    }
    part.text_offset = sent.characters;
    std::string added;
    if (const auto* token = std::get_if<TokenEvent>(&event.what)) {
      part.tokens = {token, 1};
      added = token->text;
    } else {
      part.end = &std::get<GenerationFinished>(event.what);
      added = part.end->tail;
    }
    sent.characters += count_characters(added);
    part.text += added;
    return stream_event(writer_->piece(part, first));
  }

  std::shared_ptr<RunningChoices> running_;
  std::shared_ptr<const ResponseWriter> writer_;
  AnswerPlan plan_;
  GenerationEvent first_;
  std::size_t open_;  // choices that have not finished
  std::vector<Sent> sent_;
};

}  // namespace

http::Response json_response(std::string json) {
  http::Response response;
  response.content_type = "application/json";
  response.body = std::move(json);
  return response;
}

http::Response error_response(const Error& error) {
  auto response = json_response(to_json(error));
  response.status = error.status;
  if (error.status == 429 || error.status == 503) response.headers = {{"Retry-After", "1"}};
  return response;
}

http::Response answer(std::shared_ptr<RunningChoices> choices,
                      std::shared_ptr<const ResponseWriter> writer, AnswerPlan plan,
                      http::Client& client) {
  if (!plan.stream) return answer_whole(*choices, *writer, plan, client);
  auto first = choices->next(client);
  if (!first) return abandoned();
  if (const auto error = error_of(*first)) return error_response(*error);
  auto stream = std::make_shared<EventStream>(std::move(choices), std::move(writer),
                                              std::move(plan), *std::move(first));
  http::Response response;
  response.content_type = "text/event-stream";
  response.headers = {{"Cache-Control", "no-cache"}};
  response.stream = [stream = std::move(stream)](http::BodyWriter& body, http::Client& peer) {
    return stream->run(body, peer);
  };
  return response;
}

}  // namespace cecollm::api
