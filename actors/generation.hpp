#pragma once
// Generation: the life of one request. It waits for the token of one position at a time, whatever
// its source, emits it to the client, and sends it back into the shallow layers.
//
//   prompt → tokenizer → shallow compute ⇄ exit decision → here → (cloud link) → client

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/generation_timeline.hpp"
#include "actors/tokenizer_actor.hpp"
#include "actors/trace_writer.hpp"
#include "actors/type_ids.hpp"
#include "model/stop_strings.hpp"
#include "model/tokenizer.hpp"
#include "monitoring/metrics.hpp"

namespace cecollm::actors {

/// The rest of the edge as a generation sees it.
struct GenerationSetting {
  GenerationId id = 0;
  tokenizer_actor tokenizer_handle;  // null: prompts come as ids, tokens have no text
  shallow_compute_actor shallow;     // null: only the cloud computes
  exit_decision_actor decisions;
  cloud_link_actor link;                               // null without a cloud
  conversations_actor conversations;                   // null: it begins and leaves none
  std::shared_ptr<const model::Tokenizer> vocabulary;  // null with a null tokenizer handle
  std::vector<model::TokenId> eos;
  std::int64_t max_positions = 0;
  std::int64_t num_layers = 0;
  std::int64_t cut = 0;                          // E1
  policy::Mode mode = policy::Mode::standalone;  // of the edge, when the generation starts
  policy::ModeReason mode_reason = policy::ModeReason::started;
  monitoring::EdgeMetrics* metrics = nullptr;                        // not null; outlives the actor
  monitoring::Logger logger;                                         // says which generation it is
  monitoring::LogLevel end_log_level = monitoring::LogLevel::debug;  // of the line at its end
  std::optional<TraceSetting> trace;                                 // none: no timeline
  bool detached = true;                                              // what blocks
};

struct GenerationState {
  static inline const char* name = "generation";

  GenerationSetting setting;
  GenerationRequest request;
  caf::actor client;

  std::vector<model::TokenId> prompt;
  std::vector<model::TokenId> output;
  std::optional<model::StreamingDetokenizer> detokenizer;
  std::optional<model::StopStrings> stops;

  /// Where the tokens come from: the edge alone to the end, the edge with what the cloud adds, or
  /// the cloud.
  enum class Path { local, with_cloud, on_cloud } path = Path::local;
  /// The edge is in standalone mode: with_cloud keeps its rows and asks nothing.
  bool alone = false;
  bool finishing = false;
  /// Under which the others know this generation: its own number, or its conversation's.
  GenerationId context = 0;
  std::size_t resumed_rows = 0;  // of the conversation that it goes on with
  bool taking = false;           // asks for a conversation; its parts are nobody else's then
  bool leaves_conversation = false;
  std::uint64_t kept_bytes = 0;
  bool upload_open = false;
  bool session_open = false;
  /// The last exit's reading of a position that the cloud was asked for.
  struct Fallback {
    std::int64_t position = 0;
    std::size_t exit = 0;
    model::Reading reading;
    caf::actor_clock::time_point since;
    caf::actor_clock::time_point asked;  // earlier where that was done ahead
    bool asked_ahead = false;
  };
  std::optional<Fallback> waiting;
  /// An ask for a position that an exit of the edge may still give.
  struct AskedAhead {
    std::int64_t position = 0;
    caf::actor_clock::time_point asked;
    std::optional<CloudAnswered> answer;
    caf::actor_clock::time_point answered;
  };
  std::optional<AskedAhead> ahead;
  /// The position wanted from a cloud that runs everything.
  std::int64_t wanted_on_cloud = 0;
  std::int64_t cloud_positions = 0;  // rows that the cloud has run layers for

  caf::actor_clock::time_point due;  // of the token that the cloud owes, where it owes one
  std::optional<caf::actor_clock::time_point> rings_at;  // when the next bell comes

  caf::actor_clock::time_point started;
  caf::actor_clock::time_point last_token;
  GenerationTimeline timeline;
  GenerationFinished result;
};

generation_actor::behavior_type generation(generation_actor::stateful_pointer<GenerationState> self,
                                           GenerationSetting setting, GenerationRequest request,
                                           caf::actor client);

}  // namespace cecollm::actors
