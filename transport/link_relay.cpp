#include "transport/link_relay.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <list>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace cecollm::transport {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds connect_limit{10};
/// Bytes that wait to enter the link; more stay with their sender, as in a full socket.
constexpr std::uint64_t most_unsent = 256U << 10U;
constexpr std::chrono::milliseconds accept_pause{100};

/// The next close sends a reset instead of an end.
void reset_on_close(const Socket& socket) {
  const linger hard{1, 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

void unblock(const Socket& socket) {
  fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
}

/// Waits for `descriptors`, at most until `until`.
void wait_for(std::span<pollfd> descriptors, Clock::time_point until) {
  const auto left = std::clamp<std::chrono::nanoseconds>(until - Clock::now(), {},
                                                         std::chrono::nanoseconds(60'000'000'000));
  const timespec time{static_cast<std::time_t>(left.count() / 1'000'000'000),
                      static_cast<long>(left.count() % 1'000'000'000)};
  ppoll(descriptors.data(), descriptors.size(), &time, nullptr);
}

/// One connection from end to end.
class Crossing {
 public:
  Crossing(Socket near, std::shared_ptr<EmulatedLink> link, const Endpoint& to, int stop)
      : near_{std::move(near), {}, false, false},
        to_(to),
        stop_(stop),
        emulator_(std::move(link), LinkDirection::up, Clock::now()) {}

  void run() {
    if (connect()) {
      unblock(near_.socket);
      unblock(far_.socket);
      while (step()) {
      }
    }
    if (broken_) {
      reset_on_close(near_.socket);
      if (far_.socket.valid()) reset_on_close(far_.socket);
    }
  }

 private:
  struct Side {
    Socket socket;
    std::vector<char> unwritten;
    bool read_end = false;
    bool write_end = false;
  };

  bool stopped() const {
    pollfd stop{stop_, POLLIN, 0};
    return poll(&stop, 1, 0) > 0;
  }

  bool connect() {
    const auto open_at = emulator_.connected_at(Clock::now());
    broken_ = true;
    if (!open_at) return false;
    while (Clock::now() < *open_at) {
      std::array<pollfd, 1> stop{{{stop_, POLLIN, 0}}};
      wait_for(stop, *open_at);
      if (stopped()) return false;
    }
    const auto addresses = resolve(to_, false);
    if (!addresses) return false;
    for (const auto& address : *addresses) {
      if (auto socket = connect_to(address, connect_limit, stop_)) {
        far_.socket = std::move(*socket);
        broken_ = false;
        return true;
      }
    }
    return false;
  }

  /// False: it is over.
  bool step() {
    const auto now = Clock::now();
    if (emulator_.was_reset(now)) broken_ = true;
    const auto up = emulator_.take_for_stream(now);
    pass_on(far_, up, emulator_.end_left());
    const auto down = emulator_.take_for_session(now);
    pass_on(near_, down, emulator_.end_arrived());
    if (broken_ || (near_.write_end && far_.write_end)) return false;
    std::array<pollfd, 3> waiting{{{stop_, POLLIN, 0},
                                   watched(near_, emulator_.unsent_bytes() < most_unsent),
                                   watched(far_, !emulator_.is_congested())}};
    wait_for(waiting, emulator_.next_event(now));
    if ((waiting[0].revents & POLLIN) != 0) return false;
    if ((waiting[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      read(
          near_, [&](std::span<const char> bytes) { emulator_.send(bytes, Clock::now()); },
          [&] { emulator_.send_end(Clock::now()); });
    }
    if ((waiting[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      read(
          far_, [&](std::span<const char> bytes) { emulator_.arrive(bytes, Clock::now()); },
          [&] { emulator_.arrive_end(Clock::now()); });
    }
    return !broken_;
  }

  static pollfd watched(const Side& side, bool may_read) {
    int events = 0;
    if (may_read && !side.read_end) events |= POLLIN;
    if (!side.unwritten.empty()) events |= POLLOUT;
    // One that has said its last word would report its end again and again.
    return {side.read_end && events == 0 ? -1 : side.socket.get(), static_cast<short>(events), 0};
  }

  template <class OnBytes, class OnEnd>
  void read(Side& side, const OnBytes& on_bytes, const OnEnd& on_end) {
    if (side.read_end) return;
    std::array<char, 64 << 10> bytes{};
    const auto count = ::read(side.socket.get(), bytes.data(), bytes.size());
    if (count > 0) {
      on_bytes(std::span<const char>(bytes.data(), static_cast<std::size_t>(count)));
    } else if (count == 0) {
      side.read_end = true;
      on_end();
    } else if (errno != EAGAIN && errno != EINTR) {
      broken_ = true;
    }
  }

  /// Writes what came through, and the end behind it.
  void pass_on(Side& side, const std::vector<char>& bytes, bool end) {
    side.unwritten.insert(side.unwritten.end(), bytes.begin(), bytes.end());
    if (!side.unwritten.empty()) {
      const auto count =
          send(side.socket.get(), side.unwritten.data(), side.unwritten.size(), MSG_NOSIGNAL);
      if (count > 0) {
        side.unwritten.erase(side.unwritten.begin(), side.unwritten.begin() + count);
      } else if (errno != EAGAIN && errno != EINTR) {
        broken_ = true;
      }
    }
    if (end && side.unwritten.empty() && !side.write_end) {
      side.write_end = true;
      shutdown(side.socket.get(), SHUT_WR);
    }
  }

  Side near_;
  Side far_;
  Endpoint to_;
  int stop_;
  LinkEmulator emulator_;
  bool broken_ = false;
};

}  // namespace

struct LinkRelay::Shared {
  Socket listener;
  Socket stop;  // readable: end
  Endpoint to;
  std::shared_ptr<EmulatedLink> link;

  struct Running {
    std::atomic<bool> done{false};
    std::thread thread;
  };

  void accept_all() {
    std::list<Running> crossings;
    while (true) {
      std::array<pollfd, 2> waiting{{{stop.get(), POLLIN, 0}, {listener.get(), POLLIN, 0}}};
      wait_for(waiting, Clock::time_point::max());
      if (waiting[0].revents != 0) break;
      Socket near(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!near.valid()) {
        // No descriptor is left, perhaps; try again in a while.
        wait_for(std::span(waiting).first(1), Clock::now() + accept_pause);
        continue;
      }
      std::erase_if(crossings, [](Running& crossing) {
        if (crossing.done) crossing.thread.join();
        return crossing.done.load();
      });
      auto& crossing = crossings.emplace_back();
      crossing.thread = std::thread([this, &crossing, near = std::move(near)]() mutable {
        Crossing(std::move(near), link, to, stop.get()).run();
        crossing.done = true;
      });
    }
    for (auto& crossing : crossings) crossing.thread.join();
  }
};

Result<LinkRelay> LinkRelay::start(const Endpoint& listen, const Endpoint& to,
                                   std::shared_ptr<EmulatedLink> link) {
  const auto addresses = resolve(listen, true);
  if (!addresses) return tl::unexpected(addresses.error());
  auto listener = listen_on(*addresses);
  if (!listener) return tl::unexpected(listener.error());
  const auto port = local_port(listener->get());
  unblock(*listener);
  auto shared = std::make_unique<Shared>();
  shared->listener = std::move(*listener);
  shared->stop = Socket(eventfd(0, EFD_CLOEXEC));
  shared->to = to;
  shared->link = std::move(link);
  return LinkRelay(std::move(shared), port);
}

LinkRelay::LinkRelay(std::unique_ptr<Shared> shared, std::uint16_t port)
    : shared_(std::move(shared)),
      port_(port),
      acceptor_([shared = shared_.get()] { shared->accept_all(); }) {}

LinkRelay::LinkRelay(LinkRelay&&) noexcept = default;

LinkRelay::~LinkRelay() {
  if (!shared_) return;
  eventfd_write(shared_->stop.get(), 1);
  acceptor_.join();
}

}  // namespace cecollm::transport
