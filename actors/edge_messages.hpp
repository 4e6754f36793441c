#pragma once
// The messages between the actors of an edge. Each names its sender and receiver; what an actor
// does with one stands at its interface.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/all.hpp>

#include "actors/generation_types.hpp"
#include "model/engine.hpp"
#include "policy/budget_record.hpp"
#include "policy/deadline.hpp"
#include "policy/mode_controller.hpp"
#include "transport/connection.hpp"
#include "transport/messages.hpp"

namespace cecollm::actors {

// --- client → edge supervisor
struct StartGeneration {
  GenerationRequest request;
  caf::actor client;  // gets TokenEvent and GenerationFinished; its death cancels the generation
};
struct GenerationStarted {
  GenerationId generation = 0;
};
struct CancelGeneration {
  GenerationId generation = 0;
};
/// Stop taking requests, cancel what runs, say goodbye to the cloud; then all actors end.
struct Shutdown {};

// --- generation → tokenizer
struct EncodePrompt {
  std::string text;
};
struct EncodedPrompt {
  std::vector<model::TokenId> ids;
};

// --- generation → shallow compute
/// Ids that follow the session's last position: the prompt, then each emitted token.
struct Advance {
  GenerationId generation = 0;
  std::vector<model::TokenId> ids;
  std::size_t prompt_count = 0;  // how many of them, from the front, belong to the prompt
};
struct EndShallow {
  GenerationId generation = 0;
  bool keep = false;  // the session stays, for a generation that goes on from it
};
struct ShallowEnded {
  std::int64_t edge_layer_rows = 0;
  std::uint64_t values_clamped = 0;
  std::uint64_t kept_bytes = 0;  // of the session that stays; 0: none
};

// --- exit decision → shallow compute
struct Deepen {
  GenerationId generation = 0;
  std::size_t exit = 0;
};

// --- shallow compute → itself
struct RunShallowStep {};

// --- shallow compute → exit decision
struct ExitRead {
  GenerationId generation = 0;
  std::int64_t position = 0;  // the next token's
  std::size_t exit = 0;
  model::Reading reading;
};

// --- shallow compute → cloud link
struct UploadRows {
  GenerationId generation = 0;
  std::int64_t first_position = 0;
  model::Rows rows;
};

// --- shallow compute → generation
struct ComputeFailed {
  model::Error error;
};

// --- exit decision → generation
/// An exit was sure enough.
struct ExitTaken {
  std::int64_t position = 0;
  std::size_t exit = 0;
  model::Reading reading;
};
/// No exit was; `reading` is the last one's.
struct NoExitSure {
  std::int64_t position = 0;
  std::size_t exit = 0;
  model::Reading reading;
};

/// A later exit is being run, and the cloud will probably be asked in the end.
struct AskLikely {
  std::int64_t position = 0;
};

// --- generation → exit decision
struct EndDecisions {
  GenerationId generation = 0;
};

// --- generation → cloud link
struct AskCloud {
  GenerationId generation = 0;
  std::int64_t position = 0;
  std::chrono::milliseconds deadline{0};  // from now
  std::vector<model::TokenId> output;     // all emitted ids, only where a penalty looks at them
  bool ahead = false;                     // an exit of the edge may still give the token
};
/// An exit gave the token of an ask that was made ahead: nobody waits for its answer.
struct WithdrawAsk {
  GenerationId generation = 0;
  std::int64_t position = 0;
};
/// The ask's deadline has passed: the token was decided without the cloud.
struct AbandonAsk {
  GenerationId generation = 0;
  std::int64_t position = 0;
};
struct CloseUpload {
  GenerationId generation = 0;
  bool flush = true;  // false: drop what is queued (cancel)
  bool keep = false;  // the rows and the cloud's context stay, for a generation that goes on
};

// --- generation → conversations
/// What a finished generation leaves behind.
struct Conversation {
  GenerationId context = 0;  // under which the others hold their parts
  std::string owner;
  bool uploaded = false;            // there are rows with the link, and a context on the cloud
  std::vector<model::TokenId> ids;  // prompt and output
  std::size_t rows = 0;             // of them, from the first
  std::uint64_t bytes = 0;          // that it holds on the edge
};
struct KeepConversation {
  Conversation conversation;
};
/// Asks for a conversation that `prompt` goes on with; who gets one owns its parts.
struct TakeConversation {
  std::string owner;
  bool uploaded = false;
  std::vector<model::TokenId> prompt;
};
struct TakenConversation {
  std::optional<GenerationId> context;  // none: there is none
  std::size_t rows = 0;                 // that the prompt takes over
};
// --- conversations → itself
struct ExpireConversations {};

// --- cloud link → generation
struct CloudAnswered {
  std::int64_t position = 0;
  model::Reading reading;
  std::chrono::microseconds queue{0};
  std::chrono::microseconds compute{0};
  bool last = false;  // of GenerateOnCloud
};
/// This ask (or this GenerateOnCloud) will get no answer.
struct CloudFailed {
  std::int64_t position = 0;
  std::string reason;
  bool user_error = false;  // a mismatch of the nodes, or a request that this cloud never serves
  bool skipped = false;     // it was not sent at all
};
/// Nothing more of this generation goes up: a budget or the memory for rows is spent.
struct UploadStopped {
  std::string reason;
};

// --- generation → itself
struct DeadlineBell {
  caf::actor_clock::time_point time;
};

// --- network probe → cloud link, and back
struct SendPing {
  std::uint64_t nonce = 0;
};
struct PongSeen {
  std::uint64_t nonce = 0;
};
struct LinkUp {
  std::chrono::milliseconds heartbeat{0};  // the cloud's: silence after which it wants a ping
};
struct LinkDown {
  std::string reason;
  bool mismatch = false;
};
struct RowsSent {
  GenerationId generation = 0;
  std::uint64_t bytes = 0;
};
struct RowsAcknowledged {
  GenerationId generation = 0;
  std::uint64_t bytes = 0;
  std::chrono::microseconds cloud_time{0};  // that the cloud spent before it confirmed
};
/// What is not acknowledged of this generation will not be.
struct RowsForgotten {
  GenerationId generation = 0;
};
/// An ask was answered, in time or late.
struct AnswerSeen {
  caf::actor_clock::time_point sent;
  std::chrono::microseconds queue{0};  // what the cloud says it took
  std::chrono::microseconds compute{0};
  policy::Duration own_queue{0};  // what waited before it on our side
};
struct AskExpired {};
/// The day's upload budget is spent, or there is a new day.
struct BudgetSeen {
  bool exhausted = false;
};
struct Tick {
  caf::actor_clock::time_point due;
};

// --- network probe → edge supervisor and cloud link
struct LinkReport {
  bool connected = false;
  std::string problem;  // of the last failure while not connected
  bool mismatch = false;
  std::optional<std::chrono::microseconds> rtt;  // median of the last samples
  std::optional<double> goodput_up;              // bytes per second
  // Filled in by the supervisor:
  policy::SupervisorState state = policy::SupervisorState::standalone;
  policy::ModeReason reason = policy::ModeReason::started;
  bool held = false;  // the state is held, whatever the link does
};
/// Something was learnt of the link.
struct LinkMeasured {
  LinkReport report;
  policy::LinkView view;
  policy::AskQuote quote;
};

// --- client → edge supervisor (→ network probe)
struct GetLinkReport {};
/// Answered once the first attempt to connect has come to something.
struct AwaitLink {};
/// New settings, from the next token on.
struct Reconfigure {
  policy::ModeSettings mode;
  bool adaptive = true;
  policy::ExitThresholds thresholds;
  std::chrono::milliseconds token_deadline{0};
  std::chrono::milliseconds first_token_deadline{0};
};

/// An operator holds a mode whatever the link does; none: as the settings say again.
struct HoldMode {
  std::optional<policy::Mode> mode;
};

// --- edge supervisor → network probe
/// The silence after which a ping is due; empty: what edge and cloud have settled on.
struct PingEvery {
  std::optional<policy::Duration> interval;
};

// --- edge supervisor → cloud link
/// Standalone: keep rows, send none. Afterwards the gap is sent.
struct HoldRows {
  bool hold = false;
};

// --- edge supervisor → generation
struct ModeChanged {
  policy::Mode mode = policy::Mode::standalone;
  policy::ModeReason reason = policy::ModeReason::started;
};
struct RequestChanged {
  policy::ExitThresholds thresholds;
  std::chrono::milliseconds token_deadline{0};
  std::chrono::milliseconds first_token_deadline{0};
};

// --- edge supervisor → itself
/// Time alone may change the mode.
struct ModeDue {};

// --- cloud link → budget keeper
/// What the file is to say from now on.
struct KeepBudget {
  policy::SpentBudget spent;
};
// --- budget keeper → itself
/// The link has ended.
struct EndBudget {};

// --- cloud link → itself
struct Redial {};
/// Time to see whether a preferred cloud is back.
struct LookForBetterCloud {};

// --- cloud scout → cloud link
struct ScoutReport {
  std::size_t cloud = 0;
  bool welcome = false;
};

}  // namespace cecollm::actors
