#pragma once
// A session and, where one is wanted, an emulated link between it and its stream.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "transport/link_emulator.hpp"
#include "transport/session.hpp"

namespace cecollm::transport {

/// Has the functions of Session; see there. With a link, bytes cross it on their way in and out,
/// and the other side hears of ends and goodbyes as late as of bytes.
class LinkedSession {
 public:
  using TimePoint = Session::TimePoint;

  /// `link` may be null.
  LinkedSession(Session session, std::unique_ptr<LinkEmulator> link)
      : session_(std::move(session)), link_(std::move(link)) {}

  void start(TimePoint now);
  void receive(std::span<const char> wire, TimePoint now);
  void stream_ended(TimePoint now);
  void send(Session::Frame frame, TimePoint now);
  void close(TimePoint now);
  void output_sent(std::uint64_t unsent, TimePoint now);
  void pause_reading() { session_.pause_reading(); }
  void resume_reading(TimePoint now) { session_.resume_reading(now); }
  void tick(TimePoint now);
  TimePoint next_deadline(TimePoint now) const;
  std::vector<SessionEvent> take_events() { return session_.take_events(); }
  std::vector<char> take_output(TimePoint now);
  bool said_goodbye() const { return link_ ? link_->end_left() : session_.said_goodbye(); }
  bool finished() const { return session_.finished(); }

  /// The stream should not be read for now.
  bool is_congested() const { return link_ && link_->is_congested(); }
  void force_link(LinkState state, TimePoint now);

 private:
  /// Moves across the link what can move, both ways.
  void cross(TimePoint now);

  Session session_;
  std::unique_ptr<LinkEmulator> link_;
  std::uint64_t stream_unsent_ = 0;
  bool end_sent_ = false;
};

}  // namespace cecollm::transport
