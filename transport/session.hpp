#pragma once
// One connection as a state machine: bytes in, bytes out, time as an argument. No sockets, no
// actors, no clock; whoever owns it moves the bytes. Single-threaded.

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "transport/connection_limits.hpp"
#include "transport/error.hpp"
#include "transport/frame_reader.hpp"
#include "transport/secure_stream.hpp"

namespace cecollm::transport {

/// The handshake is done.
struct SessionUp {
  std::string peer_identity;
};
/// One envelope, without its length prefix.
struct SessionFrame {
  std::vector<char> envelope;
};
/// The send queue fell below half of its cap, after it had been above.
struct SessionDrained {
  std::uint64_t queued_bytes = 0;
};
/// The last event.
struct SessionDown {
  Error reason;
};
using SessionEvent = std::variant<SessionUp, SessionFrame, SessionDrained, SessionDown>;

class Session {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Frame = std::shared_ptr<const std::vector<char>>;

  /// The handshake must be done by `deadline`. `peer` names the other side in errors.
  Session(std::unique_ptr<SecureStream> stream, const ConnectionLimits& limits, std::string peer,
          TimePoint now, TimePoint deadline);

  /// Begins the handshake.
  void start(TimePoint now);

  /// Wire bytes came.
  void receive(std::span<const char> wire, TimePoint now);
  /// The peer's side of the stream has ended, or the stream broke.
  void stream_ended(TimePoint now);
  /// The same, with what is known of it.
  void stream_broke(const std::string& why, TimePoint now);

  /// Queues one frame, as encode_frame makes it. Before the handshake is done it waits.
  void send(Frame frame, TimePoint now);
  /// Flushes the queue, says good-bye, then waits for the peer to close as well, all within
  /// `close_timeout`. Frames that still come are dropped.
  void close(TimePoint now);

  /// The stream has taken bytes; `unsent` of those handed out by take_output are left.
  void output_sent(std::uint64_t unsent, TimePoint now);

  /// No bytes are read from now on, or again, at the owner's wish: that silence does not count.
  void pause_reading();
  void resume_reading(TimePoint now);

  /// To be called at next_deadline(); earlier or more often does no harm.
  void tick(TimePoint now);
  TimePoint next_deadline() const;

  /// What happened since the last call, in order.
  std::vector<SessionEvent> take_events();
  /// Wire bytes to be sent, at most about `output_window` of them ahead of output_sent.
  std::vector<char> take_output();

  /// All that we had to say is said: the stream's sending side may be shut down.
  bool said_goodbye() const;
  /// Drop the stream now.
  bool finished() const { return phase_ == Phase::finished; }

  /// Bytes of frames that wait and wire bytes that the stream has not taken.
  std::uint64_t queued_bytes() const;

  /// Wire bytes that may wait outside of the queue.
  static constexpr std::uint64_t output_window = 256U << 10U;

 private:
  enum class Phase {
    handshaking,
    open,
    closing,    // flushing the queue
    lingering,  // nothing more to say; the peer's end of stream is awaited
    finished,
  };

  void finish_handshake();
  void fill_output(TimePoint now);
  /// Reports the end. A clean one lets the peer read what was sent; else the stream is dropped.
  void end(Error reason, bool clean, TimePoint now);

  std::unique_ptr<SecureStream> stream_;
  ConnectionLimits limits_;
  std::string peer_;
  FrameReader reader_;
  Phase phase_ = Phase::handshaking;
  TimePoint deadline_;  // of the handshake, later of the closing
  TimePoint last_heard_;
  bool reading_ = true;
  bool above_half_ = false;
  bool goodbye_ = false;
  bool reported_ = false;
  std::deque<Frame> queue_;
  std::uint64_t queued_ = 0;  // bytes in queue_
  std::uint64_t unsent_ = 0;  // wire bytes handed out that the stream has not taken
  std::vector<SessionEvent> events_;
};

}  // namespace cecollm::transport
