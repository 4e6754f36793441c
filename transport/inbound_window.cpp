#include "transport/inbound_window.hpp"

namespace cecollm::transport {

std::shared_ptr<const void> InboundWindow::take(std::uint64_t bytes) {
  held_ += bytes;
  auto self = shared_from_this();
  // Any non-null pointer will do: only the deleter matters.
  return {this, [self, bytes](const InboundWindow*) {
            self->release(bytes);
          }};
}

bool InboundWindow::close_if_full() {
  if (held_ <= limit_) {
    return false;
  }
  closed_ = true;
  // All may have been dropped in between, with nobody left to reopen.
  return held_ >= limit_ / 2 || !closed_.exchange(false);
}

void InboundWindow::release(std::uint64_t bytes) {
  if ((held_ -= bytes) < limit_ / 2 && closed_.exchange(false)) {
    reopened_();
  }
}

}  // namespace cecollm::transport
