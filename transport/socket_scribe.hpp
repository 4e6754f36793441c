#pragma once
// CAF's stream over a TCP socket, with what caf::io's own scribe lacks: a stream that is dropped
// with bytes unsent is reset instead of kept until the peer reads them, reading may be halted and
// resumed within one turn of the multiplexer, and a frame costs one system call on each side: it is
// written at once where the socket takes it, and a read that did not fill the buffer is the last.

#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/stream_impl.hpp>
#include <caf/io/scribe.hpp>
#include <caf/policy/tcp.hpp>

namespace cecollm::transport {

class SocketScribe : public caf::io::scribe {
 public:
  /// Owns `socket` from now on.
  SocketScribe(caf::io::network::default_multiplexer& multiplexer,
               caf::io::network::native_socket socket);

  /// Sends what is written, then FIN; reading goes on.
  void shut_down_writing();

  void configure_read(caf::io::receive_policy::config config) override;
  void ack_writes(bool enable) override;
  std::vector<char>& wr_buf() override;
  std::vector<char>& rd_buf() override;
  /// Closes at once: FIN where all was sent, else RST.
  void graceful_shutdown() override;
  /// Writes at once what the socket takes, of which no acknowledgement comes. The loop writes the
  /// rest.
  void flush() override;
  bool has_unsent() const { return stream_.has_unsent(); }
  std::string addr() const override;
  std::uint16_t port() const override;
  void add_to_loop() override;
  void remove_from_loop() override;
  bool consume(caf::execution_unit* context, const void* data, std::size_t size) override;

 private:
  /// CAF asks again until there is nothing to read; a short read has said so.
  class Tcp : public caf::policy::tcp {
   public:
    caf::io::network::rw_state read_some(std::size_t& result,
                                         caf::io::network::native_socket socket, void* buffer,
                                         std::size_t size);

   private:
    bool drained_ = false;
  };
  class Stream : public caf::io::network::stream_impl<Tcp> {
   public:
    using stream_impl::stream_impl;
    bool has_unsent() const { return state_.writing; }
  };
  bool launched_ = false;
  bool halted_ = false;
  Stream stream_;
};

}  // namespace cecollm::transport
