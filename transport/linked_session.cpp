#include "transport/linked_session.hpp"

#include <algorithm>

namespace cecollm::transport {

void LinkedSession::start(TimePoint now) {
  session_.start(now);
  cross(now);
}

void LinkedSession::receive(std::span<const char> wire, TimePoint now) {
  if (link_) {
    link_->arrive(wire, now);
    cross(now);
  } else {
    session_.receive(wire, now);
  }
}

void LinkedSession::stream_ended(TimePoint now) {
  if (link_) {
    link_->arrive_end(now);
    cross(now);
  } else {
    session_.stream_ended(now);
  }
}

void LinkedSession::send(Session::Frame frame, TimePoint now) {
  session_.send(std::move(frame), now);
  cross(now);
}

void LinkedSession::close(TimePoint now) {
  session_.close(now);
  cross(now);
}

void LinkedSession::output_sent(std::uint64_t unsent, TimePoint now) {
  stream_unsent_ = unsent;
  if (!link_) {
    session_.output_sent(unsent, now);
  }
  cross(now);
}

void LinkedSession::tick(TimePoint now) {
  cross(now);
  session_.tick(now);
  cross(now);
}

LinkedSession::TimePoint LinkedSession::next_deadline(TimePoint now) const {
  const auto deadline = session_.next_deadline();
  return link_ ? std::min(deadline, link_->next_event(now)) : deadline;
}

std::vector<char> LinkedSession::take_output(TimePoint now) {
  return link_ ? link_->take_for_stream(now) : session_.take_output();
}

void LinkedSession::force_link(LinkState state, TimePoint now) {
  if (link_) {
    link_->force(state, now);
    cross(now);
  }
}

void LinkedSession::cross(TimePoint now) {
  if (!link_ || session_.finished()) {
    return;
  }
  if (link_->was_reset(now)) {
    session_.stream_broke("the emulated link was reset", now);
    return;
  }
  const auto bytes = link_->take_for_session(now);
  if (!bytes.empty()) {
    session_.receive(bytes, now);
  }
  if (link_->end_arrived()) {
    session_.stream_ended(now);
  }
  // What leaves makes room for more, of which some may leave at once.
  for (auto output = session_.take_output(); !output.empty(); output = session_.take_output()) {
    link_->send(output, now);
    session_.output_sent(link_->unsent_bytes() + stream_unsent_, now);
  }
  session_.output_sent(link_->unsent_bytes() + stream_unsent_, now);
  if (session_.said_goodbye() && !end_sent_) {
    end_sent_ = true;
    link_->send_end(now);
  }
}

}  // namespace cecollm::transport
