#include "transport/socket_scribe.hpp"

#include <utility>

#include <caf/io/network/native_socket.hpp>
#include <sys/socket.h>

namespace cecollm::transport {

namespace net = caf::io::network;
using caf::policy::tcp;

net::rw_state SocketScribe::Tcp::read_some(std::size_t& result, net::native_socket socket,
                                           void* buffer, std::size_t size) {
  if (std::exchange(drained_, false)) {
    result = 0;
    return net::rw_state::success;
  }
  const auto state = tcp::read_some(result, socket, buffer, size);
  drained_ = state == net::rw_state::success && result > 0 && result < size;
  return state;
}

SocketScribe::SocketScribe(net::default_multiplexer& multiplexer, net::native_socket socket)
    : scribe(net::conn_hdl_from_socket(socket)), stream_(multiplexer, socket) {}

void SocketScribe::shut_down_writing() {
  stream_.graceful_shutdown();
}

void SocketScribe::configure_read(caf::io::receive_policy::config config) {
  stream_.configure_read(config);
  if (!launched_) {
    launched_ = true;
    stream_.start(this);
  }
}

void SocketScribe::ack_writes(bool enable) {
  stream_.ack_writes(enable);
}

std::vector<char>& SocketScribe::wr_buf() {
  return stream_.wr_buf();
}

std::vector<char>& SocketScribe::rd_buf() {
  return stream_.rd_buf();
}

void SocketScribe::graceful_shutdown() {
  if (stream_.has_unsent()) {
    // The stream stays in the loop until its bytes are written; a peer that does not read would
    // keep it, and its descriptor, for ever. Once reset, the next write fails and ends it.
    const linger abort{1, 0};
    ::setsockopt(stream_.fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
    ::shutdown(stream_.fd(), SHUT_RDWR);
  }
  stream_.graceful_shutdown();
  const caf::intrusive_ptr<SocketScribe> alive(this);
  detach(&stream_.backend(), false);
  // A stream that was started in this very turn has not reached the loop and never will: nobody
  // would tell it that it has left.
  if ((stream_.eventbf() & net::input_mask) == 0) {
    stream_.removed_from_loop(net::operation::read);
  }
}

void SocketScribe::flush() {
  auto& bytes = stream_.wr_buf();
  if (!stream_.has_unsent() && !bytes.empty()) {
    std::size_t written = 0;
    // The loop meets an error again, and reports it.
    if (tcp::write_some(written, stream_.fd(), bytes.data(), bytes.size()) ==
        net::rw_state::success) {
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(written));
    }
  }
  stream_.flush(this);
}

std::string SocketScribe::addr() const {
  auto address = net::remote_addr_of_fd(stream_.fd());
  return address ? *address : std::string();
}

std::uint16_t SocketScribe::port() const {
  auto port = net::remote_port_of_fd(stream_.fd());
  return port ? *port : std::uint16_t{0};
}

void SocketScribe::add_to_loop() {
  halted_ = false;
  stream_.activate(this);
  // A removal that is still waiting in the loop's queue would be carried out after all.
  stream_.backend().add(net::operation::read, stream_.fd(), &stream_);
}

void SocketScribe::remove_from_loop() {
  halted_ = true;
  stream_.passivate();
}

bool SocketScribe::consume(caf::execution_unit* context, const void* data, std::size_t size) {
  // Within one turn the stream would read on, up to its own limit, after it was halted.
  return scribe::consume(context, data, size) && !halted_;
}

}  // namespace cecollm::transport
