#pragma once
// What a client of an edge asks for and gets back: plain values, shared by actors and apps.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/sampling.hpp"
#include "monitoring/metrics.hpp"
#include "policy/exit_decision.hpp"
#include "policy/mode_controller.hpp"
#include "policy/source.hpp"

namespace cecollm::actors {

/// Unique within an edge process; also the context id on the wire.
using GenerationId = std::uint64_t;

struct GenerationRequest {
  std::variant<std::string, std::vector<model::TokenId>> prompt;
  /// Whose conversations it may go on with: the name of an API key, or empty.
  std::string owner;
  policy::Mode mode = policy::Mode::collaborative;
  policy::ExitThresholds thresholds;  // one per exit
  std::int64_t max_tokens = 128;
  bool ignore_eos = false;
  std::vector<std::string> stop;
  model::SamplingParams sampling;
  /// Ask the cloud before the last exit was read, where that will probably not be sure.
  bool ask_ahead = false;
  /// How long a token may wait for the cloud, from the last exit on.
  std::chrono::milliseconds token_deadline{5000};
  /// The same for the first token, whose ask waits for the prompt's upload.
  std::chrono::milliseconds first_token_deadline{5000};
};

/// What came of asking the cloud for a token.
struct AskEnd {
  monitoring::AskOutcome outcome = monitoring::AskOutcome::answered;
  std::chrono::nanoseconds wait{0};      // of the token, until it was decided
  std::chrono::microseconds queue{0};    // of the trip before the cloud's pass
  std::chrono::microseconds compute{0};  // of it the cloud's pass
  /// From the ask, which may have been made before the token had to wait, to its answer; 0 where
  /// there was none.
  std::chrono::nanoseconds trip{0};
};

/// One emitted token, in order.
struct TokenEvent {
  GenerationId generation = 0;
  std::int64_t index = 0;  // from 0
  model::TokenId token = 0;
  std::string text;  // may be empty: a character or a possible stop string is incomplete
  policy::Source source;
  float confidence = 0.0F;
  float logprob = 0.0F;
  std::vector<model::TokenLogprob> top;
  std::optional<AskEnd> ask;  // where the cloud was wanted for this token alone
};

enum class FinishReason {
  end_of_text,
  stop_string,
  length,     // max_tokens, or the model's last position
  cancelled,  // by the client
  failed,     // see GenerationFinished::error
};

/// "stop", "stop_string", "length", "cancelled", "failed".
std::string_view name_of(FinishReason reason);

/// Bytes and rows that a generation put on the link (frames with their prefix, before TLS).
struct UploadStats {
  std::uint64_t bytes_up = 0;
  std::uint64_t bytes_down = 0;
  std::uint64_t rows_up = 0;  // each row counted once
  std::uint64_t row_payload_bytes = 0;
  std::uint64_t rows_resent = 0;
  std::uint64_t rows_queued = 0;    // at its end; they follow by themselves and are counted nowhere
  std::uint64_t rows_answered = 0;  // rows before the last position that the cloud answered
  std::uint64_t kept_bytes = 0;     // of rows that stay with the link for the conversation; 0: none
};

/// The edge went alone, or back to the cloud, in the middle of a generation.
struct ModeSwitch {
  std::int64_t index = 0;  // of the first token in the new mode
  policy::Mode mode = policy::Mode::standalone;
  policy::ModeReason reason = policy::ModeReason::started;
};

/// Layer·row products, the measure of where the computing happened.
struct ComputeStats {
  std::int64_t edge_layer_rows = 0;
  std::int64_t cloud_layer_rows = 0;
  double edge_share() const {
    const auto all = edge_layer_rows + cloud_layer_rows;
    return all == 0 ? 0.0 : static_cast<double>(edge_layer_rows) / static_cast<double>(all);
  }
};

/// The last event of a generation.
struct GenerationFinished {
  GenerationId generation = 0;
  FinishReason reason = FinishReason::end_of_text;
  std::string error;         // one sentence where reason is failed
  bool user_error = false;   // the request (or a mismatch of the nodes) caused the failure
  bool unavailable = false;  // the same request may do better later
  std::string tail;          // text that was held back for an incomplete character or stop string
  std::int64_t prompt_tokens = 0;
  std::int64_t resumed_tokens = 0;  // of the prompt: rows of a conversation that it went on with
  std::int64_t completion_tokens = 0;
  policy::SourceCounts counts;
  policy::Mode mode = policy::Mode::collaborative;  // at its end
  std::vector<ModeSwitch> mode_switches;
  std::chrono::nanoseconds time_to_first_token{0};
  std::chrono::nanoseconds total{0};
  std::chrono::nanoseconds cloud_wait{0};  // sum over asks
  std::int64_t asks_in_vain = 0;           // made ahead, for tokens that an exit gave after all
  UploadStats upload;
  ComputeStats compute;
  std::uint64_t values_clamped = 0;  // of rows, to the codec's range
  std::string warning;               // the cloud was unreachable, say
};

}  // namespace cecollm::actors
