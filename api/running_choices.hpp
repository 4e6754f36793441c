#pragma once
// The generations of one request, from their start to their end or the client's.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <caf/all.hpp>

#include "actors/edge_handles.hpp"
#include "api/generation_events.hpp"
#include "http/message.hpp"

namespace cecollm::api {

/// How many generations the API runs at a time. Thread-safe; outlives its leases.
class StreamSlots {
 public:
  explicit StreamSlots(std::size_t limit) : limit_(limit) {}
  std::size_t limit() const { return limit_; }

  /// Returns what it took at its end.
  class Lease {
   public:
    Lease(StreamSlots& slots, std::size_t count) : slots_(&slots), count_(count) {}
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();

   private:
    StreamSlots* slots_;
    std::size_t count_;
  };
  /// Nothing where fewer than `count` are free.
  std::optional<Lease> take(std::size_t count);
  /// True once nothing runs; false where `limit` passes first.
  bool wait_until_idle(std::chrono::milliseconds limit);

 private:
  void give_back(std::size_t count);

  const std::size_t limit_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t taken_ = 0;
};

/// Starts the generations, whose events come through `events` (with a descriptor); its end cancels
/// those that still run. For one thread.
class RunningChoices {
 public:
  RunningChoices(caf::actor_system& system, const actors::edge_supervisor_actor& edge,
                 std::vector<actors::GenerationRequest> requests, StreamSlots::Lease lease,
                 std::shared_ptr<GenerationEvents> events);
  ~RunningChoices();
  RunningChoices(const RunningChoices&) = delete;
  RunningChoices& operator=(const RunningChoices&) = delete;

  /// Blocks until the next event; nothing where the client is gone. Call it only while a choice has
  /// not finished.
  std::optional<GenerationEvent> next(http::Client& client);

 private:
  std::shared_ptr<GenerationEvents> events_;
  StreamSlots::Lease lease_;
  std::vector<caf::actor> clients_;
};

}  // namespace cecollm::api
