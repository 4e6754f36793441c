#include "transport/socket_doorman.hpp"

#include <cerrno>
#include <utility>

#include <caf/io/network/native_socket.hpp>
#include <sys/socket.h>

#include "transport/socket_scribe.hpp"

namespace cecollm::transport {

namespace net = caf::io::network;

SocketDoorman::SocketDoorman(net::default_multiplexer& multiplexer, net::native_socket socket,
                             std::function<void()> on_exhausted)
    : doorman(net::accept_hdl_from_socket(socket)),
      on_exhausted_(std::move(on_exhausted)),
      acceptor_(multiplexer, socket, AcceptPolicy{[this] {
                  remove_from_loop();
                  on_exhausted_();
                }}) {}

bool SocketDoorman::AcceptPolicy::try_accept(net::native_socket& accepted,
                                             net::native_socket listening) const {
  accepted = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (accepted >= 0) {
    return true;
  }
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
    on_exhausted();
  }
  return false;
}

bool SocketDoorman::new_connection() {
  auto& multiplexer = acceptor_.backend();
  auto scribe = caf::make_counted<SocketScribe>(multiplexer, acceptor_.accepted_socket());
  if (detached()) {
    return false;
  }
  const auto handle = scribe->hdl();
  parent()->add_scribe(std::move(scribe));
  return doorman::new_connection(&multiplexer, handle);
}

void SocketDoorman::graceful_shutdown() {
  acceptor_.graceful_shutdown();
  detach(&acceptor_.backend(), false);
}

void SocketDoorman::launch() {
  acceptor_.start(this);
}

std::string SocketDoorman::addr() const {
  auto address = net::local_addr_of_fd(acceptor_.fd());
  return address ? *address : std::string();
}

std::uint16_t SocketDoorman::port() const {
  auto port = net::local_port_of_fd(acceptor_.fd());
  return port ? *port : std::uint16_t{0};
}

void SocketDoorman::add_to_loop() {
  acceptor_.activate(this);
  // A removal that is still waiting in the loop's queue would be carried out after all.
  acceptor_.backend().add(net::operation::read, acceptor_.fd(), &acceptor_);
}

void SocketDoorman::remove_from_loop() {
  acceptor_.passivate();
}

}  // namespace cecollm::transport
