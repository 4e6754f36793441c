#pragma once
// Bounds what a connection has delivered and nobody has dealt with yet.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace cecollm::transport {

/// Thread-safe; credits may outlive the window's owner.
class InboundWindow : public std::enable_shared_from_this<InboundWindow> {
 public:
  /// `reopened` is called, on the thread that drops a credit, when held bytes fall below half of
  /// `limit` after close_if_full() had returned true.
  InboundWindow(std::uint64_t limit, std::function<void()> reopened)
      : limit_(limit), reopened_(std::move(reopened)) {}

  /// Takes `bytes` until the result is dropped.
  std::shared_ptr<const void> take(std::uint64_t bytes);

  /// True: more than `limit` bytes are held; the caller stops reading until `reopened`.
  bool close_if_full();

  /// `reopened` will not be called any more.
  void disarm() { closed_ = false; }

 private:
  void release(std::uint64_t bytes);

  const std::uint64_t limit_;
  const std::function<void()> reopened_;
  std::atomic<std::uint64_t> held_{0};
  std::atomic<bool> closed_{false};
};

}  // namespace cecollm::transport
