#pragma once
// The typed interfaces of the edge's actors: who accepts what, a line on each message. In one file
// because the actors refer to each other.

#include <memory>
#include <optional>

#include "actors/edge_messages.hpp"
#include "monitoring/generation_trace.hpp"

namespace cecollm::actors {

/// One per request; see generation.hpp.
using generation_actor = caf::typed_actor<
    /// An exit was sure: emit its token.
    caf::reacts_to<ExitTaken>,
    /// No exit was: ask the cloud, or take the last exit's token.
    caf::reacts_to<NoExitSure>,
    /// Ask the cloud already, if this generation does.
    caf::reacts_to<AskLikely>,
    /// The cloud's token, unless its deadline has passed.
    caf::reacts_to<CloudAnswered>,
    /// The cloud has none for this position: fall back.
    caf::reacts_to<CloudFailed>,
    /// Timer: fall back if the ask is late.
    caf::reacts_to<DeadlineBell>,
    /// The link sends nothing more of this generation: go on alone.
    caf::reacts_to<UploadStopped>,
    /// The edge works with the cloud, or alone, from the next token on.
    caf::reacts_to<ModeChanged>,
    /// New thresholds and deadlines, from the next token on.
    caf::reacts_to<RequestChanged>,
    /// The edge's own computation failed: end with an error.
    caf::reacts_to<ComputeFailed>,
    /// Of this generation, by its client: stop at once and free everything.
    caf::reacts_to<CancelGeneration>>;

/// The timeline that a generation wants to have; mostly null.
using TraceHandle = std::shared_ptr<monitoring::GenerationTrace>;

/// See exit_decision.hpp.
struct BeginDecisions {
  GenerationId generation = 0;
  policy::ExitThresholds thresholds;
  generation_actor reply_to;
  bool foretell = false;  // wants AskLikely
  TraceHandle trace = {};
};
using exit_decision_actor = caf::typed_actor<
    /// Remember the thresholds of a generation, or new ones.
    caf::reacts_to<BeginDecisions>,
    /// Apply the exit rule: answer the generation, or send shallow compute deeper, and say if that
    /// will probably be in vain.
    caf::reacts_to<ExitRead>,
    /// Forget a generation.
    caf::reacts_to<EndDecisions>>;

/// See cloud_link.hpp.
struct OpenUpload {
  GenerationId generation = 0;
  model::SamplingParams sampling;
  std::vector<model::TokenId> prompt;  // only where a penalty looks at it
  generation_actor reply_to;           // gets CloudAnswered, CloudFailed
  TraceHandle trace = {};
};
struct GenerateOnCloud {
  GenerationId generation = 0;
  model::SamplingParams sampling;
  std::vector<model::TokenId> prompt;
  std::int64_t max_tokens = 0;
  bool ignore_eos = false;
  generation_actor reply_to;
};
/// Go on from the first `rows` rows of a context that was kept; the rest as OpenUpload.
struct ResumeUpload {
  OpenUpload open;
  std::uint64_t rows = 0;
};
/// False: the context is not kept any more, and nothing is left of it.
struct UploadResumed {
  bool resumed = false;
};
using network_probe_actor = caf::typed_actor<
    /// The link is ready: start to measure.
    caf::reacts_to<LinkUp>,
    /// The link is gone.
    caf::reacts_to<LinkDown>,
    /// An answer to our ping.
    caf::reacts_to<PongSeen>,
    /// Row bytes were given to the link.
    caf::reacts_to<RowsSent>,
    /// The cloud has confirmed row bytes: a goodput sample.
    caf::reacts_to<RowsAcknowledged>,
    /// The context of row bytes on their way is gone.
    caf::reacts_to<RowsForgotten>,
    /// An ask came back: a round trip that no ping need measure.
    caf::reacts_to<AnswerSeen>,
    /// The deadline of an ask passed first.
    caf::reacts_to<AskExpired>,
    /// What the upload budget allows.
    caf::reacts_to<BudgetSeen>,
    /// How often to ping from now on.
    caf::reacts_to<PingEvery>,
    /// Timer: ping if one is due, or give one up.
    caf::reacts_to<Tick>,
    /// What is known of the link, once the first attempt to connect has succeeded or failed.
    caf::replies_to<AwaitLink>::with<LinkReport>>;

/// See budget_keeper.hpp.
using budget_keeper_actor = caf::typed_actor<
    /// Write this to the file.
    caf::reacts_to<KeepBudget>,
    /// To itself: nothing more will be spent.
    caf::reacts_to<EndBudget>>;

/// Whom to tell about the link: gets LinkUp, LinkDown, PongSeen, RowsSent, RowsAcknowledged,
/// RowsForgotten, AnswerSeen, AskExpired and BudgetSeen.
struct WatchLink {
  network_probe_actor probe;
};
using cloud_link_actor = caf::typed_actor<
    /// Open a context on the cloud; rows and asks follow.
    caf::reacts_to<OpenUpload>,
    /// Go on with a context that was kept.
    caf::replies_to<ResumeUpload>::with<UploadResumed>,
    /// Rows to send in the background.
    caf::reacts_to<UploadRows>,
    /// Ask for a token, behind the rows that are missing, if the answer can be expected in time.
    caf::reacts_to<AskCloud>,
    /// An exit gave that ask's token.
    caf::reacts_to<WithdrawAsk>,
    /// That ask was late: ask nothing more until the cloud has shown a sign of life.
    caf::reacts_to<AbandonAsk>,
    /// Cloud-only: run the whole generation there.
    caf::reacts_to<GenerateOnCloud>,
    /// Close the context, or keep it, after (flush) or without what is queued.
    caf::replies_to<CloseUpload>::with<UploadStats>,
    /// Ping the cloud if it is connected.
    caf::reacts_to<SendPing>,
    /// Report the link's events to this probe from now on.
    caf::reacts_to<WatchLink>,
    /// What the probe makes of them.
    caf::reacts_to<LinkMeasured>,
    /// Send rows, or keep them only.
    caf::reacts_to<HoldRows>,
    /// From the connection.
    caf::reacts_to<transport::ConnectionUp>, caf::reacts_to<transport::FrameArrived>,
    caf::reacts_to<transport::SendQueueDrained>, caf::reacts_to<transport::ConnectionDown>,
    /// Timer: connect again.
    caf::reacts_to<Redial>,
    /// Timer: send a scout to a preferred cloud.
    caf::reacts_to<LookForBetterCloud>,
    /// It is back, so change over; or it is not.
    caf::reacts_to<ScoutReport>,
    /// Flush, close the connection and end.
    caf::reacts_to<Shutdown>>;

/// See shallow_compute.hpp.
struct BeginSession {
  GenerationId generation = 0;
  model::SamplingParams sampling;
  exit_decision_actor decisions;               // gets the readings
  cloud_link_actor link;                       // gets the rows; null: they go nowhere
  generation_actor reply_to;                   // gets ComputeFailed
  monitoring::EdgeMetrics* metrics = nullptr;  // null: nobody counts; outlives the session
  std::optional<caf::actor_clock::time_point> requested = {};  // none: not from its beginning
  TraceHandle trace = {};
  /// Of a conversation: the ids before those that follow. Its session is here and goes on from
  /// them.
  std::vector<model::TokenId> resumed = {};
};
using shallow_compute_actor = caf::typed_actor<
    /// Open a session.
    caf::reacts_to<BeginSession>,
    /// Run new ids through the first stage: rows go up, the first exit's reading to the decision.
    caf::reacts_to<Advance>,
    /// Catch up to a later exit and read it.
    caf::reacts_to<Deepen>,
    /// To itself: compute the next step with all that has arrived by now.
    caf::reacts_to<RunShallowStep>,
    /// Free the session, or keep it, and say what it computed.
    caf::replies_to<EndShallow>::with<ShallowEnded>>;

/// See conversations.hpp.
using conversations_actor = caf::typed_actor<
    /// Keep one, as long as there is room.
    caf::reacts_to<KeepConversation>,
    /// Give away the one that fits best.
    caf::replies_to<TakeConversation>::with<TakenConversation>,
    /// Timer: give up those that nobody went on with.
    caf::reacts_to<ExpireConversations>>;

/// See edge_supervisor.hpp.
using edge_supervisor_actor = caf::typed_actor<
    /// Start one; its events go to the client named in the request.
    caf::replies_to<StartGeneration>::with<GenerationStarted>,
    /// Stop one; its client still gets GenerationFinished.
    caf::reacts_to<CancelGeneration>,
    /// The link got better or worse: decide on the mode.
    caf::reacts_to<LinkMeasured>,
    /// Timer: decide on the mode.
    caf::reacts_to<ModeDue>,
    /// New settings.
    caf::reacts_to<Reconfigure>,
    /// Hold a mode, or none, and say what came of it.
    caf::replies_to<HoldMode>::with<LinkReport>,
    /// The state of the link and the mode, for people and status lines.
    caf::replies_to<GetLinkReport>::with<LinkReport>,
    /// The same, once the first attempt to connect has succeeded or failed.
    caf::replies_to<AwaitLink>::with<LinkReport>,
    /// Cancel everything, close the link, end all actors of this edge.
    caf::reacts_to<Shutdown>>;

}  // namespace cecollm::actors
