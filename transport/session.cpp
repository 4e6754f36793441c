#include "transport/session.hpp"

#include <utility>

namespace cecollm::transport {

namespace {

std::string in_milliseconds(std::chrono::milliseconds time) {
  return std::to_string(time.count()) + " ms";
}

}  // namespace

Session::Session(std::unique_ptr<SecureStream> stream, const ConnectionLimits& limits,
                 std::string peer, TimePoint now, TimePoint deadline)
    : stream_(std::move(stream)),
      limits_(limits),
      peer_(std::move(peer)),
      reader_(limits.max_frame_bytes),
      deadline_(deadline),
      last_heard_(now) {}

void Session::start(TimePoint now) {
  if (auto started = stream_->start(); !started) {
    end(started.error(), true, now);
    return;
  }
  finish_handshake();
  fill_output(now);
}

void Session::receive(std::span<const char> wire, TimePoint now) {
  if (phase_ == Phase::finished || phase_ == Phase::lingering) {
    return;
  }
  last_heard_ = now;
  const auto deliver = [this](std::span<const char> clear) {
    finish_handshake();
    return reader_.read(clear, [this](std::vector<char> envelope) {
      if (phase_ == Phase::open) {
        events_.emplace_back(SessionFrame{std::move(envelope)});
      }
    });
  };
  auto received = stream_->receive(wire, deliver);
  if (!received) {
    auto reason = std::move(received.error());
    const bool hostile =
        reason.code == ErrorCode::frame_too_large || reason.code == ErrorCode::malformed;
    reason.message = peer_ + ": " + reason.message;
    end(std::move(reason), !hostile, now);
    return;
  }
  finish_handshake();
  fill_output(now);
}

void Session::stream_ended(TimePoint now) {
  stream_broke("closed the connection", now);
}

void Session::stream_broke(const std::string& why, TimePoint now) {
  if (phase_ == Phase::handshaking) {
    end({ErrorCode::handshake_failed, peer_ + ": " + why + " during the handshake"}, false, now);
  } else {
    end({ErrorCode::closed, peer_ + ": " + why}, false, now);
  }
}

void Session::send(Frame frame, TimePoint now) {
  if (!frame || frame->empty() || (phase_ != Phase::open && phase_ != Phase::handshaking)) {
    return;
  }
  if (frame->size() > limits_.max_frame_bytes + sizeof(std::uint32_t)) {
    end({ErrorCode::frame_too_large, peer_ + ": a frame of " + std::to_string(frame->size()) +
                                         " bytes was to be sent, more than " +
                                         std::to_string(limits_.max_frame_bytes)},
        false, now);
    return;
  }
  if (queued_bytes() + frame->size() > limits_.max_queued_bytes) {
    end({ErrorCode::queue_full, peer_ + ": does not take what is sent; " +
                                    std::to_string(queued_bytes()) + " bytes are waiting"},
        false, now);
    return;
  }
  queued_ += frame->size();
  queue_.push_back(std::move(frame));
  above_half_ = above_half_ || queued_bytes() > limits_.max_queued_bytes / 2;
  fill_output(now);
}

void Session::close(TimePoint now) {
  if (phase_ == Phase::handshaking) {
    end({ErrorCode::closed, peer_ + ": closed by this side during the handshake"}, false, now);
  } else if (phase_ == Phase::open) {
    phase_ = Phase::closing;
    deadline_ = now + limits_.close_timeout;
    fill_output(now);
  }
}

void Session::output_sent(std::uint64_t unsent, TimePoint now) {
  unsent_ = unsent;
  fill_output(now);
}

void Session::pause_reading() {
  reading_ = false;
}

void Session::resume_reading(TimePoint now) {
  reading_ = true;
  last_heard_ = now;
}

void Session::tick(TimePoint now) {
  switch (phase_) {
    case Phase::handshaking:
      if (now >= deadline_) {
        end({ErrorCode::timed_out,
             peer_ + ": no handshake within " + in_milliseconds(limits_.connect_timeout)},
            false, now);
      }
      break;
    case Phase::open:
      if (reading_ && now - last_heard_ >= limits_.silence_limit) {
        end({ErrorCode::peer_silent,
             peer_ + ": nothing was heard for " + in_milliseconds(limits_.silence_limit)},
            false, now);
      }
      break;
    case Phase::closing:
      if (now >= deadline_) {
        end({ErrorCode::closed, peer_ + ": closed by this side before all was sent"}, false, now);
      }
      break;
    case Phase::lingering:
      if (now >= deadline_) {
        phase_ = Phase::finished;
      }
      break;
    case Phase::finished:
      break;
  }
}

Session::TimePoint Session::next_deadline() const {
  if (phase_ == Phase::finished) {
    return TimePoint::max();
  }
  if (phase_ != Phase::open) {
    return deadline_;
  }
  return reading_ ? last_heard_ + limits_.silence_limit : TimePoint::max();
}

std::vector<SessionEvent> Session::take_events() {
  return std::exchange(events_, {});
}

std::vector<char> Session::take_output() {
  auto output = std::exchange(stream_->outgoing(), {});
  unsent_ += output.size();
  return output;
}

bool Session::said_goodbye() const {
  return phase_ == Phase::lingering && stream_->outgoing().empty() && unsent_ == 0;
}

std::uint64_t Session::queued_bytes() const {
  return queued_ + stream_->outgoing().size() + unsent_;
}

void Session::finish_handshake() {
  if (phase_ == Phase::handshaking && stream_->established()) {
    phase_ = Phase::open;
    events_.emplace_back(SessionUp{stream_->peer_identity()});
  }
}

void Session::fill_output(TimePoint now) {
  if (phase_ != Phase::open && phase_ != Phase::closing) {
    return;
  }
  while (!queue_.empty() && unsent_ + stream_->outgoing().size() < output_window) {
    const auto frame = std::move(queue_.front());
    queue_.pop_front();
    queued_ -= frame->size();
    if (auto sent = stream_->send(*frame); !sent) {
      end({ErrorCode::closed, peer_ + ": " + sent.error().message}, false, now);
      return;
    }
  }
  if (above_half_ && queued_bytes() < limits_.max_queued_bytes / 2) {
    above_half_ = false;
    events_.emplace_back(SessionDrained{queued_bytes()});
  }
  if (phase_ == Phase::closing && queue_.empty()) {
    if (!goodbye_) {
      goodbye_ = true;
      stream_->close();
    }
    if (stream_->outgoing().empty() && unsent_ == 0) {
      end({ErrorCode::closed, peer_ + ": closed by this side"}, true, now);
    }
  }
}

void Session::end(Error reason, bool clean, TimePoint now) {
  if (!reported_) {
    reported_ = true;
    events_.emplace_back(SessionDown{std::move(reason)});
  }
  queue_.clear();
  queued_ = 0;
  if (!clean) {
    phase_ = Phase::finished;
    return;
  }
  if (!goodbye_) {
    goodbye_ = true;
    stream_->close();
  }
  if (phase_ != Phase::closing) {
    deadline_ = now + limits_.close_timeout;
  }
  phase_ = Phase::lingering;
}

}  // namespace cecollm::transport
