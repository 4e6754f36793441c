#pragma once
// Name look-up and TCP connect on a thread of their own, because both block.

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "transport/socket.hpp"

namespace cecollm::transport {

/// One attempt, over all addresses of a name. The thread keeps the attempt alive and outlives a
/// cancelled one only until the resolver returns.
class ConnectAttempt {
 public:
  using Done = std::function<void(Result<Socket>)>;
  using Resolver = std::function<Result<std::vector<SocketAddress>>(const Endpoint&)>;

  /// `done` is called once, on another thread, unless cancel() comes first. The caller watches
  /// the time and cancels: a look-up cannot be given a limit. `loopback_only` refuses other
  /// addresses as `insecure_refused`. The name is looked up once in every attempt and remembered in
  /// none: a cloud may have moved. `resolver` empty: the system's.
  static std::shared_ptr<ConnectAttempt> start(const Endpoint& endpoint, bool loopback_only,
                                               std::chrono::milliseconds timeout, Done done,
                                               Resolver resolver = {});

  /// When it returns, `done` is either through or will never be called.
  void cancel();

 private:
  ConnectAttempt(Done done, Resolver resolver)
      : resolver_(std::move(resolver)), done_(std::move(done)) {}
  void run(const Endpoint& endpoint, bool loopback_only, std::chrono::milliseconds timeout);
  Result<Socket> connect(const Endpoint& endpoint, bool loopback_only,
                         std::chrono::milliseconds timeout) const;
  void finish(Result<Socket> result);

  const Resolver resolver_;
  std::mutex mutex_;
  Done done_;      // empty: cancelled or called
  Socket cancel_;  // an eventfd, readable when cancelled
};

}  // namespace cecollm::transport
