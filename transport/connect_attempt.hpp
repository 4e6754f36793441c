#pragma once
// Name look-up and TCP connect on a thread of their own, because both block.

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>

#include "transport/socket.hpp"

namespace cecollm::transport {

/// One attempt, over all addresses of a name. The thread keeps the attempt alive and outlives a
/// cancelled one only until the resolver returns.
class ConnectAttempt {
 public:
  using Done = std::function<void(Result<Socket>)>;

  /// `done` is called once, on another thread, unless cancel() comes first. The caller watches
  /// the time and cancels: a look-up cannot be given a limit. `loopback_only` refuses other
  /// addresses as `insecure_refused`.
  static std::shared_ptr<ConnectAttempt> start(const Endpoint& endpoint, bool loopback_only,
                                               std::chrono::milliseconds timeout, Done done);

  /// When it returns, `done` is either through or will never be called.
  void cancel();

 private:
  explicit ConnectAttempt(Done done) : done_(std::move(done)) {}
  void run(const Endpoint& endpoint, bool loopback_only, std::chrono::milliseconds timeout);
  Result<Socket> connect(const Endpoint& endpoint, bool loopback_only,
                         std::chrono::milliseconds timeout) const;
  void finish(Result<Socket> result);

  std::mutex mutex_;
  Done done_;      // empty: cancelled or called
  Socket cancel_;  // an eventfd, readable when cancelled
};

}  // namespace cecollm::transport
