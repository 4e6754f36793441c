#pragma once
// Cloud link: the edge's end of the wire. It keeps one connection, sends every context's rows in
// the background, puts asks behind the rows they need, and after a lost connection brings the cloud
// back to the same state from its own copy of the rows.

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "actors/budget_keeper.hpp"
#include "actors/type_ids.hpp"
#include "actors/upload_log.hpp"
#include "monitoring/metrics.hpp"
#include "policy/budget.hpp"
#include "policy/reconnect.hpp"

namespace cecollm::actors {

struct CloudLinkSetting {
  /// One for each cloud, in order of preference; not empty. Starts to connect; the owner gets
  /// ConnectionUp or ConnectionDown.
  std::vector<std::function<void(const caf::actor& owner)>> dials;
  transport::Hello hello;
  std::size_t row_bytes = 0;  // of one encoded row
  int vocab_size = 0;         // a cloud that answers another token is given up; 0: not known
  /// Rows in one frame: small enough that an ask of another context need not wait long.
  std::size_t max_batch_bytes = 64U << 10U;
  /// Row bytes on their way; more stay in the log until the cloud confirms some.
  std::size_t window_bytes = 1U << 20U;
  /// Encoded rows kept for all generations together; a generation that would exceed it goes on
  /// alone.
  std::size_t max_kept_bytes = 256U << 20U;
  policy::UploadBudgetSettings budget;
  std::optional<BudgetFile> budget_file;  // of a budget for the day; none: a restart forgets
  /// The day whose budget is spent; a function so that tests have their own calendar.
  std::function<policy::Day()> today = [] {
    return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  };
  policy::ReconnectSettings reconnect;
  std::uint64_t reconnect_seed = 0;            // of the jitter
  monitoring::EdgeMetrics* metrics = nullptr;  // not null; outlives the actor
};

/// One context as the link sees it.
struct Upload {
  Upload(std::size_t row_bytes, std::optional<std::uint64_t> byte_limit)
      : log(row_bytes), budget(byte_limit) {}

  generation_actor reply_to;
  UploadLog log;
  policy::RequestBudget budget;
  std::uint32_t epoch = 0;
  transport::OpenContext open;                  // what to say when (re)opening
  std::optional<transport::Generate> generate;  // cloud-only: instead of rows and asks
  enum class Phase {
    waiting,    // no connection
    reopening,  // the cloud has yet to say how many rows it still holds
    open,
    closing,  // flush, then close
    broken,   // the cloud will not serve this context any more
  } phase = Phase::waiting;
  struct Ask {
    std::int64_t position = 0;
    caf::actor_clock::time_point deadline;
    std::vector<model::TokenId> output;
    std::optional<caf::actor_clock::time_point> sent;
    policy::Duration own_queue{0};  // what waited before it when it was sent
  };
  std::optional<Ask> ask;
  std::optional<Ask> late;       // abandoned or withdrawn; its answer still tells about the link
  std::size_t history_sent = 0;  // output ids that the cloud knows, in this epoch
  int reopened_in_vain = 0;      // since the last answer
  std::uint64_t answered = 0;    // rows that an answer has used
  std::uint64_t answered_before = 0;  // of them in the conversation's earlier generations
  TraceHandle trace;                  // mostly null
  bool keep = false;                  // when it is closed, for the conversation
  bool kept = false;                  // by no generation now
  bool resumed = false;               // its cloud's context is of an earlier generation
  /// Rows from here on that a cloud may hold are of a text that was given up, unless it is one of
  /// `told`. None: there are no such rows.
  std::optional<std::uint64_t> void_from;
  std::set<std::size_t> told;
  UploadStats stats_before;  // of the conversation's earlier generations
  /// Rows on their way, for the timeline; empty without one.
  struct Flight {
    std::uint64_t end = 0;  // the sequence number behind them
    std::uint64_t rows = 0;
    std::uint64_t resent = 0;
    caf::actor_clock::time_point sent;
  };
  std::deque<Flight> flights;
  caf::typed_response_promise<UploadStats> closed;
  UploadStats stats;
};

struct CloudLinkState {
  static inline const char* name = "cloud_link";
  CloudLinkSetting setting;
  network_probe_actor probe;
  enum class Phase { down, dialing, greeting, ready } phase = Phase::down;
  caf::actor connection;
  transport::Welcome welcome;
  std::map<GenerationId, Upload> uploads;
  std::optional<policy::EndpointChooser> clouds;
  std::size_t cloud = 0;   // the one that is dialed or connected
  std::mt19937_64 random;  // for the jitter of the next attempts
  std::string problem;     // why there is no connection
  bool mismatch = false;   // the problem is a mismatch of version, model or cut
  std::optional<policy::Duration> sent_away_for;  // by the cloud, before it closed
  policy::AskGate gate;
  policy::AskQuote quote;  // what an ask costs, behind what was given to the connection
  bool holding = false;    // standalone: rows are kept, not sent
  std::optional<policy::DayBudget> day;
  budget_keeper_actor keeper;  // null where nothing is kept
  std::optional<policy::BudgetRecord> record;
  bool budget_exhausted = false;  // as the probe was told
  bool scouting = false;          // a scout is on its way, or will be sent
  bool shutting_down = false;
};

cloud_link_actor::behavior_type cloud_link(cloud_link_actor::stateful_pointer<CloudLinkState> self,
                                           CloudLinkSetting setting);

}  // namespace cecollm::actors
