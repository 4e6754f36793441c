#include "load/virtual_edge.hpp"

#include <utility>

#include "load/reply_check.hpp"

namespace cecollm::load {
namespace {

using VirtualEdgeSelf = virtual_edge_actor::stateful_pointer<VirtualEdgeState>;
using Running = VirtualEdgeState::Running;

/// How long the edge's own actors may take to answer; with a thousand edges on one core, long.
constexpr std::chrono::seconds actor_limit{60};

void report(VirtualEdgeSelf self, RequestRecord record) {
  self->send(self->state.setting.driver, RequestEnded{std::move(record)});
}

void fail(RequestRecord& record, std::string sentence) {
  record.end = RequestEnd::failed;
  record.errors.push_back({ErrorKind::failed, std::move(sentence)});
}

void run(VirtualEdgeSelf self, const RunRequest& order) {
  auto& state = self->state;
  const auto& prompt = (*state.setting.prompts)[order.prompt];
  Running running{{}, order.start, order.max_tokens};
  auto& record = running.record;
  record.number = order.number;
  record.edge = state.setting.number;
  record.prompt = order.prompt;
  record.prompt_tokens = static_cast<std::int64_t>(prompt.ids.size());
  record.due = order.due - order.start;
  record.sent = self->clock().now() - order.start;

  auto request = state.setting.request;
  request.prompt = prompt.ids;
  request.max_tokens = order.max_tokens;
  // Nothing else is handled before the answer: events of the generation need its number.
  self->request(state.supervisor, actor_limit,
                actors::StartGeneration{std::move(request), caf::actor_cast<caf::actor>(self)})
      .await(
          [self, running](const actors::GenerationStarted& started) {
            self->state.running.emplace(started.generation, running);
          },
          [self, record](const caf::error& error) {
            auto failed = record;
            fail(failed, "the edge did not start it: " + caf::to_string(error));
            report(self, std::move(failed));
          });
}

void token_came(VirtualEdgeSelf self, const actors::TokenEvent& token) {
  const auto found = self->state.running.find(token.generation);
  if (found == self->state.running.end()) return;
  auto& record = found->second.record;
  record.tokens.push_back({self->clock().now() - found->second.start, token.source});
  if (token.ask) record.asks.push_back(*token.ask);
  if (const auto& recording = self->state.setting.recording) {
    const auto& expected = recording->generations()[record.prompt].tokens;
    const auto index = static_cast<std::size_t>(token.index);
    if (index >= expected.size()) return;  // its end says so
    auto verdict = check_token(expected[index], token);
    if (verdict.checked) ++record.replies_checked;
    if (verdict.tolerated) ++record.replies_tolerated;
    if (verdict.error) record.errors.push_back(*std::move(verdict.error));
  } else if (token.source.kind == policy::Source::Kind::fallback && token.ask) {
    record.errors.push_back({error_of(token.ask->outcome), "token " + std::to_string(token.index) +
                                                               " was taken from the last exit"});
  }
}

void request_over(VirtualEdgeSelf self, const actors::GenerationFinished& end) {
  auto& running = self->state.running;
  const auto found = running.find(end.generation);
  if (found == running.end()) return;
  auto node = running.extract(found);
  auto& record = node.mapped().record;
  record.upload = end.upload;
  if (end.reason == actors::FinishReason::failed) {
    fail(record, end.error);
  } else if (end.reason == actors::FinishReason::cancelled) {
    record.end = RequestEnd::cut_off;
  } else if (self->state.setting.recording &&
             std::cmp_not_equal(record.tokens.size(), node.mapped().max_tokens)) {
    fail(record, "it ended after " + std::to_string(record.tokens.size()) + " of " +
                     std::to_string(node.mapped().max_tokens) + " recorded tokens");
  }
  // The first error's cause, where the edge knows it, says more than that it happened.
  if (!end.warning.empty()) {
    for (auto& error : record.errors) {
      if (error.kind != ErrorKind::wrong_reply && error.kind != ErrorKind::wrong_source &&
          error.kind != ErrorKind::failed) {
        error.sentence += ": " + end.warning;
        break;
      }
    }
  }
  report(self, std::move(record));
}

void start(VirtualEdgeSelf self) {
  auto& state = self->state;
  auto& setting = state.setting;
  if (setting.recording) {
    state.replay = self->spawn<caf::linked>(replay_compute, ReplaySetting{setting.recording,  //
                                                                          setting.token_time});
    setting.edge.shallow = state.replay;
  }
  state.supervisor = self->spawn<caf::monitored>(actors::edge_supervisor, std::move(setting.edge));
  self->request(state.supervisor, caf::infinite, actors::AwaitLink{})
      .then(
          [self](const actors::LinkReport& link) {
            self->send(self->state.setting.driver, EdgeReady{self->state.setting.number, link});
          },
          [](const caf::error&) {
            // The supervisor has ended, and its down message ends this edge.
          });
}

}  // namespace

virtual_edge_actor::behavior_type virtual_edge(VirtualEdgeSelf self, VirtualEdgeSetting setting) {
  self->state.setting = std::move(setting);
  self->set_down_handler([self](const caf::down_msg& down) {
    self->quit(self->state.shutting_down ? caf::exit_reason::normal : down.reason);
  });
  // The driver's death must not leave the edge's actors behind, which ignore that of others.
  self->set_exit_handler([self](const caf::exit_msg& exit) {
    self->send_exit(self->state.supervisor, caf::exit_reason::kill);
    self->quit(exit.reason);
  });
  start(self);
  return {
      [self](const RunRequest& order) { run(self, order); },
      [self](const actors::TokenEvent& token) { token_came(self, token); },
      [self](const actors::GenerationFinished& end) { request_over(self, end); },
      [self](const CancelRequests&) {
        for (const auto& [id, running] : self->state.running) {
          self->send(self->state.supervisor, actors::CancelGeneration{id});
        }
      },
      [self](const actors::Shutdown& shutdown) {
        self->state.shutting_down = true;
        self->send(self->state.supervisor, shutdown);
      },
  };
}

}  // namespace cecollm::load
