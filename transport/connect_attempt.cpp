#include "transport/connect_attempt.hpp"

#include <algorithm>
#include <system_error>
#include <thread>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace cecollm::transport {

namespace {
constexpr std::size_t max_addresses = 8;
constexpr std::chrono::milliseconds least_share{250};
}  // namespace

std::shared_ptr<ConnectAttempt> ConnectAttempt::start(const Endpoint& endpoint, bool loopback_only,
                                                      std::chrono::milliseconds timeout, Done done,
                                                      Resolver resolver) {
  if (!resolver) {
    resolver = [](const Endpoint& name) {
      return resolve(name, false);
    };
  }
  std::shared_ptr<ConnectAttempt> attempt(new ConnectAttempt(std::move(done), std::move(resolver)));
  attempt->cancel_ = Socket(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  try {
    std::thread([=] { attempt->run(endpoint, loopback_only, timeout); }).detach();
  } catch (const std::system_error& error) {
    attempt->finish(fail(ErrorCode::unreachable,
                         to_string(endpoint) + ": no thread to connect with: " + error.what()));
  }
  return attempt;
}

void ConnectAttempt::cancel() {
  Done dropped;
  const std::lock_guard lock(mutex_);
  dropped = std::exchange(done_, {});
  const std::uint64_t one = 1;
  // A full counter is readable as well: nothing to check.
  [[maybe_unused]] const auto written = ::write(cancel_.get(), &one, sizeof(one));
}

void ConnectAttempt::run(const Endpoint& endpoint, bool loopback_only,
                         std::chrono::milliseconds timeout) {
  finish(connect(endpoint, loopback_only, timeout));
}

Result<Socket> ConnectAttempt::connect(const Endpoint& endpoint, bool loopback_only,
                                       std::chrono::milliseconds timeout) const {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  auto addresses = resolver_(endpoint);
  if (!addresses) {
    return tl::unexpected(addresses.error());
  }
  addresses->resize(std::min(addresses->size(), max_addresses));
  Error last{ErrorCode::timed_out, to_string(endpoint) + ": the name look-up took too long"};
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    const auto& address = (*addresses)[i];
    if (loopback_only && !is_loopback(address)) {
      return fail(ErrorCode::insecure_refused,
                  endpoint.host + " is " + to_string(address) +
                      ", not loopback: without TLS only loopback is allowed");
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      break;
    }
    // A dead first address must not use up the time of the others.
    const auto share = left / static_cast<std::int64_t>(addresses->size() - i);
    auto socket = connect_to(address, std::min(left, std::max(share, least_share)), cancel_.get());
    if (socket) {
      return socket;
    }
    last = socket.error();
  }
  return tl::unexpected(last);
}

void ConnectAttempt::finish(Result<Socket> result) {
  const std::lock_guard lock(mutex_);
  if (auto done = std::exchange(done_, {})) {
    done(std::move(result));
  }
}

}  // namespace cecollm::transport
