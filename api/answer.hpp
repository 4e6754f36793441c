#pragma once
// From the events of running generations to a response, whole or streamed.

#include <memory>
#include <string>
#include <vector>

#include "api/error.hpp"
#include "api/response_writing.hpp"
#include "api/running_choices.hpp"
#include "http/message.hpp"

namespace cecollm::api {

/// What is known of a response before its first token.
struct AnswerPlan {
  std::vector<std::string> openings;  // the text that each choice begins with: one a choice
  bool stream = false;
  bool usage_piece = false;  // a stream ends with its usage
  std::int64_t prompt_tokens = 0;
};

http::Response json_response(std::string json);
/// An error as the response that says so.
http::Response error_response(const Error& error);

/// Waits for the first event, or for all of them where the response is not streamed. An error that
/// comes before the first byte has a status of its own. Cancels everything where the client hangs
/// up; what it then returns, nobody reads.
http::Response answer(std::shared_ptr<RunningChoices> choices,
                      std::shared_ptr<const ResponseWriter> writer, AnswerPlan plan,
                      http::Client& client);

}  // namespace cecollm::api
