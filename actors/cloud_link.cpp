#include "actors/cloud_link.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "actors/cloud_link_session.hpp"
#include "actors/cloud_scout.hpp"
#include "transport/codec.hpp"

namespace cecollm::actors {
namespace {

using LinkPhase = CloudLinkState::Phase;

/// Tries the best cloud that may be tried now, or waits until one may.
void dial(link::Self self) {
  auto& state = self->state;
  const auto now = self->clock().now();
  const auto cloud = state.clouds->choose(now);
  if (!cloud) {
    self->delayed_send(self, state.clouds->next_attempt(now) - now, Redial{});
    return;
  }
  state.cloud = *cloud;
  state.phase = LinkPhase::dialing;
  state.problem.clear();
  state.mismatch = false;
  state.setting.dials[*cloud](caf::actor_cast<caf::actor>(self));
}

double draw(CloudLinkState& state) {
  return std::uniform_real_distribution<double>(0.0, 1.0)(state.random);
}

void tell_probe_down(link::Self self) {
  if (self->state.probe) {
    self->send(self->state.probe, LinkDown{self->state.problem, self->state.mismatch});
  }
}

void connection_up(link::Self self, const transport::ConnectionUp& up) {
  auto& state = self->state;
  state.connection = up.connection;
  state.phase = LinkPhase::greeting;
  link::send(self, state.setting.hello, nullptr);
}

void connection_down(link::Self self, std::string reason) {
  auto& state = self->state;
  state.connection = nullptr;
  // What the cloud said explains more than the closed connection that followed it.
  if (state.problem.empty()) state.problem = std::move(reason);
  state.phase = LinkPhase::down;
  link::suspend_all(self, state.problem, state.mismatch);
  tell_probe_down(self);
  if (state.shutting_down) {
    self->quit();
    return;
  }
  if (const auto pause = std::exchange(state.sent_away_for, std::nullopt)) {
    state.clouds->on_sent_away(state.cloud, self->clock().now(), *pause, draw(state));
  } else {
    state.clouds->on_failed(state.cloud, self->clock().now(), draw(state));
  }
  state.setting.metrics->reconnects.Increment();
  dial(self);
}

/// Connected to a cloud that is not the first choice: looks after the better ones in time.
void look_later(link::Self self) {
  auto& state = self->state;
  if (state.scouting || state.phase != LinkPhase::ready || state.cloud == 0) return;
  state.scouting = true;
  self->delayed_send(self, state.setting.reconnect.failback_after, LookForBetterCloud{});
}

void look_for_better(link::Self self) {
  auto& state = self->state;
  state.scouting = false;
  if (state.shutting_down || state.phase != LinkPhase::ready) return;
  const auto better = state.clouds->failback(self->clock().now());
  if (!better) {
    look_later(self);
    return;
  }
  state.scouting = true;
  // We may come to the same cloud by ourselves meanwhile: a scout of our instance that greets it
  // later would take our contexts over, and end them with its goodbye.
  auto hello = state.setting.hello;
  hello.instance = ~hello.instance;
  self->spawn(cloud_scout, CloudScoutSetting{*better, state.setting.dials[*better], hello, self});
}

void scout_came_back(link::Self self, const ScoutReport& report) {
  auto& state = self->state;
  state.scouting = false;
  if (state.shutting_down) return;
  if (!report.welcome) {
    state.clouds->on_failed(report.cloud, self->clock().now(), draw(state));
  } else if (state.phase == LinkPhase::ready && report.cloud < state.cloud) {
    // What follows is a lost connection like any other; the better cloud is tried first.
    state.problem = "changing over to a preferred cloud";
    caf::anon_send(state.connection, transport::CloseConnection{});
    return;
  }
  look_later(self);
}

LinkUp link_up(const CloudLinkState& state) {
  return {std::chrono::milliseconds(state.welcome.heartbeat_ms)};
}

void welcome(link::Self self, const transport::Welcome& welcome) {
  auto& state = self->state;
  if (state.phase != LinkPhase::greeting) return;
  state.welcome = welcome;
  state.phase = LinkPhase::ready;
  state.gate.on_connected();
  state.quote = {};
  state.clouds->on_connected(state.cloud, self->clock().now());
  if (state.probe) self->send(state.probe, link_up(state));
  link::resume_all(self);
  look_later(self);
}

/// The cloud closes, and wants no connection for so long.
void send_away(CloudLinkState& state, std::uint32_t retry_after_ms) {
  if (retry_after_ms > 0) {
    state.sent_away_for = std::min<policy::Duration>(std::chrono::milliseconds(retry_after_ms),
                                                     policy::AskGate::longest_pause);
  }
}

void connection_fault(link::Self self, const transport::Fault& fault) {
  auto& state = self->state;
  state.problem = fault.message;
  send_away(state, fault.retry_after_ms);
  state.mismatch = fault.code == transport::FaultCode::version ||
                   fault.code == transport::FaultCode::model ||
                   fault.code == transport::FaultCode::unauthorized;
  caf::anon_send(state.connection, transport::CloseConnection{});
}

/// What the cloud says; anything but a message for an edge is a protocol error.
struct FromCloud {
  link::Self self;
  std::size_t frame_bytes;

  void operator()(const transport::Welcome& message) const { welcome(self, message); }
  void operator()(const transport::RowsHeld& message) const {
    link::rows_held(self, message, frame_bytes);
  }
  void operator()(const transport::Reply& message) const {
    if (!knows(message.token)) return;
    self->state.gate.on_answer_or_pong();
    link::replied(self, message, frame_bytes);
  }
  void operator()(const transport::Generated& message) const {
    if (!knows(message.token)) return;
    self->state.gate.on_answer_or_pong();
    link::generated(self, message, frame_bytes);
  }
  void operator()(const transport::Ping& message) const {
    link::send(self, transport::Pong{message.nonce}, nullptr);
  }
  void operator()(const transport::Pong& message) const {
    self->state.gate.on_answer_or_pong();
    if (self->state.probe) self->send(self->state.probe, PongSeen{message.nonce});
  }
  void operator()(const transport::Fault& message) const {
    if (message.context) {
      link::context_fault(self, message, frame_bytes);
    } else {
      connection_fault(self, message);
    }
  }
  void operator()(const transport::GoAway& message) const {
    self->state.problem = "the cloud is going away: " + message.reason;
    send_away(self->state, message.retry_after_ms);
    caf::anon_send(self->state.connection, transport::CloseConnection{});
  }
  template <class Other>
  void operator()(const Other&) const {
    self->state.problem = "the cloud sent a message that only edges send";
    caf::anon_send(self->state.connection, transport::CloseConnection{});
  }

  /// A token that the model does not have would end the generation; without it the edge's own is
  /// taken.
  bool knows(std::int32_t token) const {
    const auto size = self->state.setting.vocab_size;
    if (size == 0 || token < size) return true;
    self->state.problem = "the cloud sent token " + std::to_string(token) + " of a vocabulary of " +
                          std::to_string(size);
    caf::anon_send(self->state.connection, transport::CloseConnection{});
    return false;
  }
};

void frame_arrived(link::Self self, const transport::FrameArrived& frame) {
  if (!self->state.connection) return;  // a late frame of a connection that was given up
  const auto frame_bytes = frame.envelope.size() + transport::frame_prefix_bytes;
  self->state.setting.metrics->received_bytes.Increment(static_cast<double>(frame_bytes));
  const auto message = transport::decode_envelope(frame.envelope);
  if (!message) {
    self->state.problem = "the cloud sent nonsense: " + message.error().message;
    caf::anon_send(self->state.connection, transport::CloseConnection{});
    return;
  }
  std::visit(FromCloud{self, frame_bytes}, *message);
}

void start_budget(link::Self self) {
  auto& state = self->state;
  const auto& per_day = state.setting.budget.per_day;
  const auto& file = state.setting.budget_file;
  if (!file) {
    state.day.emplace(per_day);
    return;
  }
  state.day.emplace(per_day, file->spent.day, file->spent.bytes);
  state.record.emplace(file->spent, policy::record_step(per_day.value_or(0)));
  const auto owner = caf::actor_cast<caf::actor>(self);
  state.keeper = file->detached ? self->spawn<caf::detached>(budget_keeper, *file, owner)
                                : self->spawn(budget_keeper, *file, owner);
}

void shut_down(link::Self self) {
  self->state.shutting_down = true;
  link::keep_budget(self, true);
  if (self->state.connection) {
    caf::anon_send(self->state.connection, transport::CloseConnection{});
  } else if (self->state.phase == LinkPhase::down) {
    self->quit();
  }
  // While dialing: ConnectionUp or ConnectionDown is on its way and ends it.
}

}  // namespace

void link::send(link::Self self, Frame frame, Upload* upload) {
  if (upload != nullptr) upload->stats.bytes_up += frame->size();
  self->state.setting.metrics->sent_bytes.Increment(static_cast<double>(frame->size()));
  caf::anon_send(self->state.connection, transport::SendFrame{std::move(frame)});
}

void link::send(link::Self self, const transport::Message& message, Upload* upload) {
  send(self, std::make_shared<const std::vector<char>>(transport::encode_frame(message)), upload);
}

cloud_link_actor::behavior_type cloud_link(link::Self self, CloudLinkSetting setting) {
  self->state.setting = std::move(setting);
  self->state.clouds.emplace(self->state.setting.reconnect, self->state.setting.dials.size());
  self->state.random.seed(self->state.setting.reconnect_seed);
  start_budget(self);
  self->state.setting.metrics->retained_row_budget.Set(
      static_cast<double>(self->state.setting.max_kept_bytes));
  dial(self);
  return {
      [self](const OpenUpload& request) { link::open_upload(self, request); },
      [self](const ResumeUpload& request) { return link::resume_upload(self, request); },
      [self](const UploadRows& rows) { link::add_rows(self, rows); },
      [self](const AskCloud& request) { link::ask(self, request); },
      [self](const WithdrawAsk& ask) { link::withdraw(self, ask); },
      [self](const AbandonAsk& late) { link::abandon(self, late); },
      [self](const GenerateOnCloud& request) { link::generate_on_cloud(self, request); },
      [self](const CloseUpload& request) { return link::close(self, request); },
      [self](const SendPing& ping) {
        link::look_at_budget(self);  // pings go on while nothing else does, so a new day is seen
        if (self->state.phase == LinkPhase::ready) {
          link::send(self, transport::Ping{ping.nonce}, nullptr);
        }
      },
      [self](const WatchLink& watch) {
        self->state.probe = watch.probe;
        link::look_at_budget(self);  // the day's may be spent from the beginning
        if (self->state.phase == LinkPhase::ready) {
          self->send(watch.probe, link_up(self->state));
        } else if (self->state.phase == LinkPhase::down) {
          tell_probe_down(self);
        }
      },
      [self](const LinkMeasured& measured) { self->state.quote = measured.quote; },
      [self](const HoldRows& order) { link::hold_rows(self, order.hold); },
      [self](const transport::ConnectionUp& up) {
        if (self->state.shutting_down) {
          self->state.connection = up.connection;
          caf::anon_send(up.connection, transport::CloseConnection{});
        } else {
          connection_up(self, up);
        }
      },
      [self](const transport::FrameArrived& frame) { frame_arrived(self, frame); },
      [](const transport::SendQueueDrained&) {
        // Nothing to do: the window keeps what is queued far below the queue's cap.
      },
      [self](const transport::ConnectionDown& down) { connection_down(self, down.reason.message); },
      [self](const Redial&) {
        if (self->state.phase == LinkPhase::down && !self->state.shutting_down) dial(self);
      },
      [self](const LookForBetterCloud&) { look_for_better(self); },
      [self](const ScoutReport& report) { scout_came_back(self, report); },
      [self](const Shutdown&) { shut_down(self); },
  };
}

}  // namespace cecollm::actors
