#pragma once
// From actors to a thread that waits: what happens to the generations of one request.

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <variant>

#include "actors/generation_types.hpp"
#include "transport/socket.hpp"

namespace cecollm::api {

struct GenerationEvent {
  std::size_t choice = 0;
  std::variant<actors::TokenEvent, actors::GenerationFinished> what;
};

/// Thread-safe. Holds at most what its generations may emit, so max_tokens bounds it.
class GenerationEvents {
 public:
  GenerationEvents();
  /// Readable while there is something to take. Invalid (-1) where the process has none left.
  int descriptor() const { return ready_.get(); }
  void push(GenerationEvent event);
  /// Nothing where nothing has come.
  std::optional<GenerationEvent> take();

 private:
  std::mutex mutex_;
  std::deque<GenerationEvent> events_;
  transport::Socket ready_;  // an event counter: above zero while there are events
};

}  // namespace cecollm::api
