#pragma once
// The messages between the actors of a load run, and their typed interfaces. Each names its sender
// and receiver.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "load/load_report.hpp"
#include "load/request_log.hpp"
#include <caf/all.hpp>

#include "actors/edge_messages.hpp"

namespace cecollm::load {

// --- load driver → virtual edge
struct RunRequest {
  std::uint64_t number = 0;
  std::size_t prompt = 0;
  std::int64_t max_tokens = 0;
  caf::actor_clock::time_point due;
  caf::actor_clock::time_point start;  // of the run
};
/// End what runs, at once.
struct CancelRequests {};

// --- virtual edge → load driver
/// Its first attempt to connect has come to something.
struct EdgeReady {
  std::size_t edge = 0;
  actors::LinkReport link;
};
struct RequestEnded {
  RequestRecord record;
};

// --- load driver → itself
/// The next request of an open loop is due.
struct ArrivalDue {};
/// A user of a closed loop has thought long enough.
struct UserDue {
  std::size_t user = 0;
};
/// The run's duration is over: send nothing more.
struct SendingOver {};
/// What still runs has had its time: cancel it.
struct DrainOver {};
/// What was cancelled has had the time to say so.
struct CutOver {};
/// The edges have had time to say goodbye.
struct FarewellOver {};

// --- client → load driver
/// End now, and report what there is.
struct StopLoad {};
struct GetLoadProgress {};
struct LoadProgress {
  std::size_t edges = 0;
  std::size_t connected = 0;
  bool started = false;
  RunTime elapsed{0};
  std::uint64_t sent = 0;
  std::uint64_t ended = 0;
  std::uint64_t errors = 0;
  std::uint64_t tokens = 0;  // of ended requests
};

// --- load driver → client
/// The run is over; the edges say goodbye.
struct LoadEnded {
  std::shared_ptr<RunLog> log;  // null where it never began
  std::string problem;          // why it ended before its time; empty: it did not
  bool user_error = false;      // the problem is the user's to mend
};

// --- replay compute → itself
/// The recorded time of a pass has gone by.
struct PassDone {
  actors::GenerationId generation = 0;
  std::size_t exit = 0;  // that it ends at; 0: the pass had new positions
};

/// See virtual_edge.hpp.
using virtual_edge_actor = caf::typed_actor<
    /// Send one request.
    caf::reacts_to<RunRequest>,
    /// From its generations.
    caf::reacts_to<actors::TokenEvent>, caf::reacts_to<actors::GenerationFinished>,
    /// End what runs; each request still gets its RequestEnded.
    caf::reacts_to<CancelRequests>,
    /// Say goodbye to the cloud and end.
    caf::reacts_to<actors::Shutdown>>;

/// See load_driver.hpp.
using load_driver_actor = caf::typed_actor<
    /// An edge is connected, or is not.
    caf::reacts_to<EdgeReady>,
    /// Keep its record; in a closed loop its user goes on.
    caf::reacts_to<RequestEnded>,
    /// Timers; see there.
    caf::reacts_to<ArrivalDue>, caf::reacts_to<UserDue>, caf::reacts_to<SendingOver>,
    caf::reacts_to<DrainOver>, caf::reacts_to<CutOver>, caf::reacts_to<FarewellOver>,
    /// End now.
    caf::reacts_to<StopLoad>,
    /// How far it is.
    caf::replies_to<GetLoadProgress>::with<LoadProgress>>;

}  // namespace cecollm::load
