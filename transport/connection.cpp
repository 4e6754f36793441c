#include "transport/connection.hpp"

#include <csignal>
#include <mutex>
#include <utility>

#include <caf/io/middleman.hpp>
#include <caf/io/network/default_multiplexer.hpp>

#include "transport/connection_broker.hpp"
#include "transport/socket.hpp"
#include "transport/socket_doorman.hpp"

namespace cecollm::transport {

namespace {

// How long accepting rests when no descriptor was left.
constexpr std::chrono::milliseconds exhausted_rest{100};

// A peer that closes while we write must be an error, not the end of the process.
void ignore_sigpipe() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    if (::sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
      std::signal(SIGPIPE, SIG_IGN);
    }
  });
}

struct ListenerState {
  static inline const char* name = "listener";
  std::size_t live = 0;
};
using ListenerBroker = caf::io::stateful_broker<ListenerState>;

caf::behavior accept_connections(ListenerBroker* self, int descriptor, AcceptPlan plan,
                                 std::size_t max_connections) {
  auto& multiplexer =
      dynamic_cast<caf::io::network::default_multiplexer&>(self->system().middleman().backend());
  const auto weak = self->address();
  auto doorman = caf::make_counted<SocketDoorman>(multiplexer, descriptor, [weak] {
    if (auto listener = caf::actor_cast<caf::actor>(weak)) {
      caf::anon_send(listener, internal::AcceptingFailed{});
    }
  });
  const auto door = doorman->hdl();
  self->add_doorman(std::move(doorman));
  self->set_default_handler(caf::drop);
  self->set_down_handler([self](const caf::down_msg&) { --self->state.live; });
  return {
      [=](const caf::io::new_connection_msg& message) {
        if (self->state.live >= max_connections) {
          if (plan.on_refused) {
            plan.on_refused(
                {ErrorCode::refused, self->remote_addr(message.handle) + ": there are already " +
                                         std::to_string(max_connections) + " connections"});
          }
          self->close(message.handle);
          return;
        }
        ++self->state.live;
        self->monitor(self->fork(
            [plan](ConnectionBroker* connection, caf::io::connection_handle handle) {
              return connection->accept(plan, handle);
            },
            message.handle));
      },
      [=](const internal::AcceptingFailed&) {
        self->delayed_send(self, exhausted_rest, internal::ResumeAccepting{});
      },
      [=](const internal::ResumeAccepting&) { self->trigger(door); },
  };
}

}  // namespace

void dial(caf::actor_system& system, const Endpoint& endpoint,
          std::shared_ptr<const TlsContext> tls, const ConnectionLimits& limits, caf::actor owner,
          std::shared_ptr<EmulatedLink> link) {
  ignore_sigpipe();
  // As an argument: CAF dereferences a null pointer for functions that take none.
  system.middleman().spawn_broker(
      [](ConnectionBroker* self, DialPlan plan) { return self->dial(std::move(plan)); },
      DialPlan{endpoint, std::move(tls), limits, std::move(owner), std::move(link)});
}

Result<Listening> listen(caf::actor_system& system, const Endpoint& endpoint,
                         std::shared_ptr<const TlsContext> tls, const ConnectionLimits& limits,
                         std::size_t max_connections, OwnerFactory make_owner,
                         RefusalHandler on_refused, std::shared_ptr<EmulatedLink> link) {
  ignore_sigpipe();
  const auto addresses = resolve(endpoint, true);
  if (!addresses) {
    return tl::unexpected(addresses.error());
  }
  for (const auto& address : *addresses) {
    if (!tls && !is_loopback(address)) {
      return fail(ErrorCode::insecure_refused,
                  to_string(endpoint) + ": without TLS only loopback is allowed");
    }
  }
  auto socket = listen_on(*addresses);
  if (!socket) {
    return tl::unexpected(socket.error());
  }
  Listening listening;
  listening.bound = {endpoint.host, local_port(socket->get())};
  AcceptPlan plan{std::move(tls), limits, std::move(make_owner), std::move(on_refused),
                  std::move(link)};
  listening.listener = system.middleman().spawn_broker(accept_connections, socket->release(),
                                                       std::move(plan), max_connections);
  return listening;
}

}  // namespace cecollm::transport
