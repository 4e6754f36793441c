#include "load/replay_compute.hpp"

#include <algorithm>
#include <utility>

namespace cecollm::load {
namespace {

using ReplaySelf = replay_compute_actor::stateful_pointer<ReplayComputeState>;

void pass_done(ReplaySelf self, const PassDone& pass) {
  const auto found = self->state.sessions.find(pass.generation);
  if (found == self->state.sessions.end()) return;  // ended meanwhile
  const auto& session = found->second;
  const auto& recorded = *session.recorded;
  const auto prompt = recorded.prompt.size();
  if (pass.exit == 0 && session.opened.link) {
    const auto first = session.token == 0 ? 0 : prompt + session.token - 1;
    const auto count = session.token == 0 ? prompt : 1;
    self->send(session.opened.link,
               actors::UploadRows{pass.generation, static_cast<std::int64_t>(first),
                                  self->state.setting.recording->rows_of(recorded, first, count)});
  }
  const auto& reading = recorded.tokens[session.token].exits[pass.exit];
  self->send(session.opened.decisions,
             actors::ExitRead{pass.generation,
                              static_cast<std::int64_t>(prompt + session.token),
                              pass.exit,
                              {reading.token, reading.confidence, 0.0F, {}}});
}

/// Does the pass after what the device has to do before it.
void compute(ReplaySelf self, const PassDone& pass, std::chrono::nanoseconds time) {
  auto& state = self->state;
  const auto now = self->clock().now();
  const auto begin = std::max(now, state.busy_until);
  state.busy_until = begin + time;
  if (state.busy_until <= now) {
    pass_done(self, pass);
  } else {
    self->delayed_send(self, state.busy_until - now, pass);
  }
}

void refuse(ReplaySelf self, const ReplaySession& session, std::string reason) {
  self->send(session.opened.reply_to,
             actors::ComputeFailed{{model::ErrorCode::out_of_range, std::move(reason)}});
}

void advance(ReplaySelf self, const actors::Advance& work) {
  auto& state = self->state;
  const auto found = state.sessions.find(work.generation);
  if (found == state.sessions.end()) return;  // ended meanwhile
  auto& session = found->second;
  if (session.recorded == nullptr) {
    session.recorded = state.setting.recording->find(work.ids);
    if (session.recorded == nullptr) return refuse(self, session, "the prompt was not recorded");
  } else if (session.token + 1 < session.recorded->tokens.size()) {
    ++session.token;
  } else {
    return refuse(self, session, "the recording of this prompt is over");
  }
  const auto& exits = session.recorded->tokens[session.token].exits;
  compute(self, {work.generation, 0}, state.setting.token_time.value_or(exits.front().time));
}

void deepen(ReplaySelf self, const actors::Deepen& work) {
  auto& state = self->state;
  const auto found = state.sessions.find(work.generation);
  if (found == state.sessions.end()) return;  // ended meanwhile
  const auto& session = found->second;
  const auto& exits = session.recorded->tokens[session.token].exits;
  // The recording's own thresholds lead no deeper than it went.
  if (work.exit >= exits.size()) return refuse(self, session, "this exit was not recorded");
  const auto time = state.setting.token_time ? std::chrono::nanoseconds(0)
                                             : std::chrono::nanoseconds(exits[work.exit].time);
  compute(self, {work.generation, work.exit}, time);
}

}  // namespace

replay_compute_actor::behavior_type replay_compute(ReplaySelf self, ReplaySetting setting) {
  self->state.setting = std::move(setting);
  return {
      [self](const actors::BeginSession& begin) {
        self->state.sessions[begin.generation] = {nullptr, 0, begin};
      },
      [self](const actors::Advance& work) { advance(self, work); },
      [self](const actors::Deepen& work) { deepen(self, work); },
      [](const actors::RunShallowStep&) {},  // nothing is computed in steps here
      [self](const actors::EndShallow& end) {
        self->state.sessions.erase(end.generation);
        return actors::ShallowEnded{};
      },
      [self](const PassDone& pass) { pass_done(self, pass); },
  };
}

}  // namespace cecollm::load
