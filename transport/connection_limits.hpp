#pragma once
// The bounds of one connection.

#include <chrono>
#include <cstdint>

namespace cecollm::transport {

struct ConnectionLimits {
  std::uint32_t max_frame_bytes = 8U << 20U;
  std::uint64_t max_queued_bytes = 32U << 20U;   // to be sent; beyond: queue_full
  std::uint64_t max_inbound_bytes = 32U << 20U;  // delivered frames still held; beyond: no reading
  std::chrono::milliseconds connect_timeout{5000};  // name look-up, TCP and TLS together
  std::chrono::milliseconds silence_limit{15000};   // no byte heard: the peer is gone
  std::chrono::milliseconds close_timeout{1000};    // to flush, and for the peer to close as well
};

}  // namespace cecollm::transport
