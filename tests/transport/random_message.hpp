#pragma once
// Seeded random messages within the wire's limits.

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "transport/messages.hpp"

namespace cecollm::tests {

class RandomMessages {
 public:
  explicit RandomMessages(std::uint64_t seed) : engine_(seed) {}

  transport::Message next() {
    using namespace transport;
    switch (below(14)) {
      case 0:
        return Hello{u32(), u32(), text(), u64(), {text(), text(), text(), ids(5)}, text(), id()};
      case 1:
        return Welcome{u32(), text(), u32(), u32(), u32(), u32(), flag(), flag()};
      case 2: {
        OpenContext open{u64(), u32(), sampling(), ids(40), {}};
        if (flag()) {
          open.rows = position();
        }
        return open;
      }
      case 3:
        return RowsHeld{u64(), u32(), position()};
      case 4:
        return rows(below(2000));
      case 5:
        return Ask{u64(), u32(), position(), u32(), ids(20)};
      case 6:
        return Reply{u64(),  u32(),          position(), id(),  real(),
                     real(), alternatives(), u32(),      u32(), position()};
      case 7:
        return CloseContext{u64(), u32()};
      case 8:
        return Generate{u64(), u32(), sampling(), ids(40), u32(), flag()};
      case 9:
        return Generated{u64(), u32(), u32(), id(), real(), real(), alternatives(), u32(), flag()};
      case 10:
        return Ping{u64()};
      case 11:
        return Pong{u64()};
      case 12: {
        Fault fault;
        fault.code = static_cast<FaultCode>(below(14));
        fault.message = text();
        if (flag()) {
          fault.context = u64();
        }
        fault.epoch = u32();
        fault.retry_after_ms = u32();
        fault.next_sequence = position();
        if (flag()) {
          fault.position = position();
        }
        return fault;
      }
      default:
        return GoAway{text(), u32()};
    }
  }

  transport::RowBatch rows(std::size_t bytes) {
    auto payload = std::make_shared<std::vector<std::byte>>(bytes);
    for (auto& byte : *payload) {
      byte = static_cast<std::byte>(below(256));
    }
    return {u64(), u32(), position(), 0, std::move(payload)};
  }

  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_);
  }
  bool flag() { return below(2) == 0; }

 private:
  /// Small numbers, large ones and the ends of the range.
  template <class T>
  T number(T largest) {
    switch (below(5)) {
      case 0:
        return 0;
      case 1:
        return largest;
      case 2:
        return static_cast<T>(below(200));
      default:
        return std::uniform_int_distribution<T>(0, largest)(engine_);
    }
  }
  std::uint32_t u32() { return number(std::numeric_limits<std::uint32_t>::max()); }
  std::uint64_t u64() { return number(std::numeric_limits<std::uint64_t>::max()); }
  std::uint64_t position() { return number((std::uint64_t{1} << 32U) - 1); }
  std::int32_t id() { return number(std::numeric_limits<std::int32_t>::max()); }
  float real() {
    const float special[] = {0.0F,
                             -0.0F,
                             1.0F,
                             std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity(),
                             std::numeric_limits<float>::denorm_min()};
    return flag() ? special[below(std::size(special))]
                  : std::uniform_real_distribution<float>(-50.0F, 50.0F)(engine_);
  }
  std::string text() {
    const char* pieces[] = {"a", "Z", " ", "é", "語", "🦙", "\n", "0f"};
    std::string text;
    for (auto length = below(12); length > 0; --length) {
      text += pieces[below(std::size(pieces))];
    }
    return text;
  }
  std::vector<std::int32_t> ids(std::size_t limit) {
    std::vector<std::int32_t> values(below(limit));
    for (auto& value : values) {
      value = id();
    }
    return values;
  }
  std::vector<transport::Logprob> alternatives() {
    std::vector<transport::Logprob> values(below(8));
    for (auto& value : values) {
      value = {id(), real()};
    }
    return values;
  }
  transport::Sampling sampling() {
    transport::Sampling sampling{real(), id(),   real(),
                                 real(), real(), real(),
                                 real(), u64(),  static_cast<std::int32_t>(below(129))};
    sampling.logit_bias.resize(below(4));
    for (auto& bias : sampling.logit_bias) bias = {id(), real()};
    return sampling;
  }

  std::mt19937_64 engine_;
};

}  // namespace cecollm::tests
