#pragma once
// What a client saw of one generation, and when.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <caf/all.hpp>

#include "actors/edge_messages.hpp"
#include "tests/support/stepped_time.hpp"

namespace cecollm::tests {

struct Watched {
  struct Token {
    actors::TokenEvent event;
    SteppedTime::TimePoint at;
  };
  /// New settings of its edge.
  struct Reload {
    SteppedTime::TimePoint at;
    actors::Reconfigure settings;
  };
  actors::GenerationRequest request;
  std::vector<Reload> reloads;
  std::size_t edge = 0;  // that it was given to
  SteppedTime::TimePoint started;
  std::optional<actors::GenerationId> id;
  std::vector<Token> tokens;
  std::optional<actors::GenerationFinished> end;
  caf::actor_addr client;
  std::optional<SteppedTime::TimePoint> left;  // cancelled, or hung up
  std::optional<SteppedTime::TimePoint> gone;  // ended, heard or not
};

/// The request, as it was and as reloads have made it, at any time between `from` and `to`.
inline std::vector<actors::GenerationRequest> requests_between(const Watched& watched,
                                                               SteppedTime::TimePoint from,
                                                               SteppedTime::TimePoint to) {
  std::vector<actors::GenerationRequest> requests{watched.request};
  for (const auto& [at, settings] : watched.reloads) {
    if (at > to) break;
    auto request = requests.back();
    request.thresholds = settings.thresholds;
    request.token_deadline = settings.token_deadline;
    request.first_token_deadline = settings.first_token_deadline;
    if (at < from) requests.clear();
    requests.push_back(std::move(request));
  }
  return requests;
}

inline caf::behavior watching_client(caf::event_based_actor* self, std::shared_ptr<Watched> watched,
                                     std::function<void()> on_token) {
  return {[=](const actors::GenerationStarted& started) { watched->id = started.generation; },
          [=](const actors::TokenEvent& token) {
            watched->tokens.push_back({token, self->clock().now()});
            on_token();
          },
          [=](const actors::GenerationFinished& end) {
            watched->end = end;
            watched->gone = self->clock().now();
            self->quit();
          }};
}

}  // namespace cecollm::tests
