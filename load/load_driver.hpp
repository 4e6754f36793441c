#pragma once
// Load driver: one run from its first connection to its last record. It lets the virtual edges
// connect a few at a time, sends requests when the plan says, gathers their records, and ends
// everything in order. It keeps time, and decides nothing about what a request holds.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "load/arrival_process.hpp"
#include "load/type_ids.hpp"
#include "load/virtual_edge.hpp"
#include "load/workload.hpp"

namespace cecollm::load {

/// Requests arrive whatever becomes of earlier ones; edges take them in turn.
struct OpenLoop {
  double rate = 1;  // a second
  double burstiness = 1;
};

/// So many users, each of whom sends, waits for the end, thinks, and sends again. User i is at edge
/// i modulo their number.
struct ClosedLoop {
  std::size_t users = 1;
  std::chrono::nanoseconds think{0};
};

struct LoadPlan {
  std::variant<OpenLoop, ClosedLoop> loop = ClosedLoop{};
  std::optional<std::uint64_t> requests;             // to send; absent: no limit
  std::optional<std::chrono::nanoseconds> duration;  // of sending; absent: no limit
  std::chrono::nanoseconds ramp_up{0};               // of the rate, or until the last user begins
  /// What runs when sending is over may take so long; absent: as long as it takes.
  std::optional<std::chrono::nanoseconds> drain;
  std::optional<LengthDistribution> lengths;
  bool shuffled = true;
  std::uint64_t seed = 0;
};

/// Tokens kept for the report; a run that reaches it ends, with what it has.
inline constexpr std::uint64_t most_kept_tokens = 20'000'000;

struct LoadSetting {
  LoadPlan plan;
  std::size_t edges = 1;
  /// At a time; connecting takes a short-lived thread each.
  std::size_t connecting = 32;
  std::shared_ptr<const std::vector<LoadPrompt>> prompts;
  /// Of one edge; the driver fills in its number and itself.
  std::function<VirtualEdgeSetting(std::size_t edge)> edge;
  caf::actor client;  // gets LoadEnded
};

struct LoadDriverState {
  static inline const char* name = "load_driver";
  LoadSetting setting;
  std::vector<virtual_edge_actor> edges;
  std::size_t connected = 0;
  enum class Phase {
    connecting,
    sending,
    draining,  // nothing more is sent
    cutting,   // and what runs is cancelled
    leaving,   // the edges say goodbye
  } phase = Phase::connecting;
  caf::actor_clock::time_point start;
  std::optional<Workload> workload;
  std::optional<ArrivalProcess> arrivals;
  std::chrono::nanoseconds next_arrival{0};
  std::map<std::uint64_t, std::size_t> running;  // request: user
  std::uint64_t sent = 0;
  std::uint64_t errors = 0;
  std::uint64_t tokens = 0;
  std::shared_ptr<RunLog> log = std::make_shared<RunLog>();
  std::string problem;
  bool user_error = false;
};

load_driver_actor::behavior_type load_driver(
    load_driver_actor::stateful_pointer<LoadDriverState> self, LoadSetting setting);

}  // namespace cecollm::load
