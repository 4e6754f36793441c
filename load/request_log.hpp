#pragma once
// What virtual edges saw of their requests: plain values, from which load_report makes figures.
// All times count from the start of the run.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/generation_types.hpp"
#include "policy/source.hpp"

namespace cecollm::load {

using RunTime = std::chrono::nanoseconds;

struct TokenRecord {
  RunTime at{0};
  policy::Source source;
};

/// One token for which the cloud was wanted.
using AskRecord = actors::AskEnd;

enum class ErrorKind {
  wrong_reply,   // the cloud's token is not the recorded one, nor as likely: fails the run
  wrong_source,  // a token was not decided where the recording says, nor by fallback
  late,          // no reply within the token's deadline; the last exit's token was taken
  lost,          // link, cloud or context went away while waiting; likewise
  refused,       // the cloud answered an ask with a fault; likewise
  skipped,  // not asked, because the answer would have been late or the link was down; likewise
  failed,   // the request ended with an error
};
inline constexpr std::array all_error_kinds{
    ErrorKind::wrong_reply, ErrorKind::wrong_source, ErrorKind::late,  ErrorKind::lost,
    ErrorKind::refused,     ErrorKind::skipped,      ErrorKind::failed};
/// "wrong reply", "late", …
std::string_view name_of(ErrorKind kind);
ErrorKind error_of(monitoring::AskOutcome outcome);

struct RequestError {
  ErrorKind kind = ErrorKind::failed;
  std::string sentence;
};

enum class RequestEnd {
  completed,  // all of its tokens came, from wherever
  failed,     // it ended with an error
  cut_off,    // it ran when the run was over
};
std::string_view name_of(RequestEnd end);

struct RequestRecord {
  std::uint64_t number = 0;  // in the order in which they were sent
  std::size_t edge = 0;
  std::size_t prompt = 0;  // index into what the run asks
  RunTime due{0};          // when it should have been sent
  RunTime sent{0};         // when it was
  std::int64_t prompt_tokens = 0;
  std::vector<TokenRecord> tokens;
  std::vector<AskRecord> asks;
  RequestEnd end = RequestEnd::completed;
  std::vector<RequestError> errors;
  std::int64_t replies_checked = 0;    // against a recording
  std::int64_t replies_tolerated = 0;  // of them another token, as likely as the recorded one
  actors::UploadStats upload;
};

}  // namespace cecollm::load
