#include "api/generation_client.hpp"

#include <utility>

#include "actors/type_ids.hpp"

namespace cecollm::api {
namespace {

constexpr std::chrono::seconds start_limit{30};

actors::GenerationFinished failure(std::string error) {
  actors::GenerationFinished end;
  end.reason = actors::FinishReason::failed;
  end.error = std::move(error);
  return end;
}

}  // namespace

caf::behavior generation_client(caf::stateful_actor<GenerationClientState>* self,
                                const actors::edge_supervisor_actor& edge,
                                actors::GenerationRequest request, std::size_t choice,
                                std::shared_ptr<GenerationEvents> events) {
  const auto end = [self, choice, events](actors::GenerationFinished finished) {
    events->push({choice, std::move(finished)});
    self->quit();
  };
  self->monitor(edge);
  self->set_down_handler([end](const caf::down_msg&) { end(failure("the edge has ended")); });
  self->request(edge, start_limit, actors::StartGeneration{std::move(request), self})
      .then([](const actors::GenerationStarted&) {},
            [end](const caf::error& error) {
              end(failure("the edge did not start the generation: " + caf::to_string(error)));
            });
  return {
      [choice, events = std::move(events)](const actors::TokenEvent& token) {
        events->push({choice, token});
      },
      [end](const actors::GenerationFinished& finished) { end(finished); },
  };
}

}  // namespace cecollm::api
