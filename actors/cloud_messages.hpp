#pragma once
// The messages between the actors of a cloud.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/all.hpp>

#include "model/engine.hpp"
#include "policy/allow_list.hpp"
#include "transport/connection.hpp"
#include "transport/messages.hpp"

namespace cecollm::actors {

/// A connected edge process; numbers are never reused within a cloud process.
using ClientId = std::uint64_t;

/// One context of one client.
struct ContextKey {
  ClientId client = 0;
  std::uint64_t context = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 misreads defaulted comparisons
  friend auto operator<=>(const ContextKey&, const ContextKey&) = default;
};

// --- peer → itself
struct HelloDue {};

// --- context store, deep compute → peer
/// One message for the edge on the other end.
struct ToPeer {
  transport::Message message;
};

/// One connected edge; see peer.hpp.
using peer_actor = caf::typed_actor<
    /// Send this to the edge.
    caf::reacts_to<ToPeer>,
    /// Timer: the edge must have introduced itself by now.
    caf::reacts_to<HelloDue>,
    /// From the connection.
    caf::reacts_to<transport::ConnectionUp>, caf::reacts_to<transport::FrameArrived>,
    caf::reacts_to<transport::SendQueueDrained>, caf::reacts_to<transport::ConnectionDown>>;

// --- peer → context store
/// An edge has introduced itself. The same identity and instance get back the client id, and with
/// it the contexts, that they had before a lost connection.
struct AttachClient {
  std::string identity;
  std::uint64_t instance = 0;
  std::string row_dtype;
  peer_actor peer;  // gets ToPeer
};
struct ClientAttached {
  ClientId client = 0;
  std::optional<transport::Fault> refusal;  // it may not; `client` is nothing then
};
/// The connection is gone; contexts live on for the grace time. Names the client as AttachClient
/// does: a peer may end before it has heard of its id.
struct DetachClient {
  std::string identity;
  std::uint64_t instance = 0;
  peer_actor peer;
};
/// `credit` is that of the frame it came in: what waits in the store's mailbox still counts against
/// the connection, which reads no more where that is too much. What the store keeps, it bounds
/// itself.
using FrameCredit = std::shared_ptr<const void>;
struct StoreOpen {
  ClientId client = 0;
  transport::OpenContext open;
  FrameCredit credit = {};
};
struct StoreRows {
  ClientId client = 0;
  transport::RowBatch batch;
  FrameCredit credit = {};
};
struct StoreAsk {
  ClientId client = 0;
  transport::Ask ask;
  FrameCredit credit = {};
};
struct StoreClose {
  ClientId client = 0;
  transport::CloseContext close;
  FrameCredit credit = {};
};
struct StoreGenerate {
  ClientId client = 0;
  transport::Generate generate;
  FrameCredit credit = {};
};

// --- context store → deep compute
/// Catch up with `rows` and say what comes at `position`.
struct DeepAsk {
  ContextKey key;
  std::uint32_t epoch = 0;
  std::int64_t position = 0;
  std::int64_t first_row = 0;     // of `rows`: those before it were handed over earlier
  std::vector<model::Rows> rows;  // up to `position`
  bool rebuilds = false;          // they had been handed over before their KV was given up
  model::SamplingParams sampling;
  std::vector<model::TokenId> prompt_history;  // with the first row, where a penalty needs it
  std::vector<model::TokenId> output_history;
  std::chrono::steady_clock::time_point arrived;
  std::chrono::milliseconds remaining{0};  // 0: no limit
  peer_actor peer;                         // gets the answer as ToPeer
};
/// Rows of a context that has asked before: they can be computed ahead of its next ask.
struct DeepRows {
  ContextKey key;
  std::int64_t first_row = 0;
  model::Rows rows;
};
/// Continue a prompt and stream the tokens to `peer`.
struct DeepGenerate {
  ContextKey key;
  transport::Generate generate;
  peer_actor peer;
};
/// The context goes on as another generation: only `rows` rows hold, and penalties look at nothing
/// of before.
struct RestartSession {
  ContextKey key;
  std::int64_t rows = 0;
  model::SamplingParams sampling;
};
/// Free the KV cache and what else is held of a context.
struct DropSession {
  ContextKey key;
};

// --- deep compute → context store
/// A DeepAsk has been answered, well or badly, or overtaken by the next.
struct AskDone {
  ContextKey key;
  std::uint32_t epoch = 0;     // of the ask
  std::int64_t rows_used = 0;  // all before the position that was answered; 0: it was not
};
/// A DeepAsk cannot be answered from what was handed over: all rows are needed again.
struct AskReturned {
  ContextKey key;
  std::uint32_t epoch = 0;
  std::int64_t position = 0;
  std::chrono::steady_clock::time_point arrived;
  std::chrono::milliseconds remaining{0};
};
/// The KV cache was given up to make room: hand over all rows with the next ask.
struct SessionEvicted {
  ContextKey key;
  std::uint32_t epoch = 0;
};
/// A computation failed; its edge was told and must open anew.
struct SessionLost {
  ContextKey key;
  std::uint32_t epoch = 0;
};
/// A DeepGenerate came to its end.
struct GenerateEnded {
  ContextKey key;
};

// --- operator → cloud supervisor
struct StartListening {};
struct ListenOutcome {
  std::optional<transport::Error> error;
  transport::Endpoint bound;
};
struct StopCloud {};
// --- cloud supervisor → itself
struct LeaveTaken {};
// --- cloud supervisor → context store
struct DismissClients {
  std::string reason;
};
// --- operator → cloud supervisor → context store
struct AllowEdges {
  policy::AllowList allowed;
};
// --- operator, tests → context store
struct GetStoreLevel {};
struct StoreLevel {
  std::uint64_t clients = 0;
  std::uint64_t contexts = 0;
  std::uint64_t row_bytes = 0;
};
// --- operator, tests → deep compute
struct GetComputeLevel {};
struct ComputeLevel {
  std::uint64_t sessions = 0;
  std::uint64_t kv_bytes = 0;
  std::uint64_t asks_waiting = 0;
};

// --- context store → itself
struct Sweep {};

/// See context_store.hpp.
using context_store_actor = caf::typed_actor<
    /// Give a client its number; replaces the peer of a client that came back.
    caf::replies_to<AttachClient>::with<ClientAttached>,
    /// Start the grace time of a client, unless another peer has taken over.
    caf::reacts_to<DetachClient>,
    /// Open or reopen a context; answered by RowsHeld.
    caf::reacts_to<StoreOpen>,
    /// Keep rows; acknowledged now and then.
    caf::reacts_to<StoreRows>,
    /// Hand the rows since the last ask to deep compute, with the question.
    caf::reacts_to<StoreAsk>,
    /// Free a context.
    caf::reacts_to<StoreClose>,
    /// Cloud-only: hand a prompt to deep compute.
    caf::reacts_to<StoreGenerate>,
    /// One ask less under way.
    caf::reacts_to<AskDone>,
    /// Ask again, with all rows.
    caf::reacts_to<AskReturned>,
    /// Deep compute holds nothing of this context any more.
    caf::reacts_to<SessionEvicted>,
    /// Forget a context whose computation failed.
    caf::reacts_to<SessionLost>,
    /// Forget a cloud-only generation that ended.
    caf::reacts_to<GenerateEnded>,
    /// Timer: drop idle contexts and clients that did not come back.
    caf::reacts_to<Sweep>,
    /// Say goodbye to every edge: they get GoAway and are disconnected.
    caf::reacts_to<DismissClients>,
    /// From now on only these may work with the cloud; others that do are disconnected.
    caf::reacts_to<AllowEdges>,
    /// What is held now.
    caf::replies_to<GetStoreLevel>::with<StoreLevel>>;

// --- deep compute → itself
struct RunStep {};

/// See deep_compute.hpp.
using deep_compute_actor = caf::typed_actor<
    /// Catch up and answer the peer.
    caf::reacts_to<DeepAsk>,
    /// Compute these when there is nothing else to do.
    caf::reacts_to<DeepRows>,
    /// Start a cloud-only generation.
    caf::reacts_to<DeepGenerate>,
    /// Keep what still holds of a session, and forget the rest.
    caf::reacts_to<RestartSession>,
    /// To itself: compute the next step with all that has arrived by now.
    caf::reacts_to<RunStep>,
    /// Free a session, whatever it is doing.
    caf::reacts_to<DropSession>,
    /// What is held now.
    caf::replies_to<GetComputeLevel>::with<ComputeLevel>>;

/// See cloud_supervisor.hpp.
using cloud_supervisor_actor = caf::typed_actor<
    /// Let edges in from now on.
    caf::replies_to<StartListening>::with<ListenOutcome>,
    /// To the context store.
    caf::reacts_to<AllowEdges>,
    /// Stop listening, dismiss the edges, end all actors of this cloud.
    caf::reacts_to<StopCloud>,
    /// Timer: the edges had their time to take leave.
    caf::reacts_to<LeaveTaken>>;

}  // namespace cecollm::actors
