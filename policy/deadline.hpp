#pragma once
// Is it worth asking the cloud for this token? Before an ask, what it will probably cost is
// compared with the time that the token has left; what is too slow is not asked at all.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "policy/link_estimate.hpp"
#include "policy/time.hpp"

namespace cecollm::policy {

/// What is left until a deadline as an ask carries it: whole milliseconds, rounded up so that a
/// wait of less than one is not "no limit", which is 0.
std::uint32_t remaining_milliseconds(Duration remaining);

/// What the cloud lately took to answer, from its own reports: the median of the last five. Without
/// reports the memory fades by half every `half_life`, so that a cloud that was slow once is asked
/// again.
class CloudLoad {
 public:
  explicit CloudLoad(Duration half_life = std::chrono::seconds(2));
  void on_report(TimePoint now, Duration queue, Duration compute);
  /// Queue and compute to expect; zero where nothing is known.
  Duration expected(TimePoint now) const;

 private:
  Duration half_life_;
  std::array<Duration, 5> last_{};
  std::uint64_t reports_ = 0;
  TimePoint reported_{};
};

/// What an ask will probably cost, by where the time goes.
struct AskCost {
  Duration round_trip{};
  Duration uplink{};  // behind our own uploads
  Duration cloud{};   // queue and compute
  Duration total() const { return round_trip + uplink + cloud; }
};

/// Empty before the first round trip was measured.
std::optional<AskCost> expected_cost(TimePoint now, const LinkEstimate& link,
                                     const CloudLoad& load);

/// expected_cost() for whoever does not hold the estimate: what it was when something last changed,
/// and how the uplink has drained since.
struct AskQuote {
  TimePoint at{};
  std::optional<AskCost> cost;             // then; empty before the first round trip
  std::optional<double> bytes_per_second;  // of the uplink
  /// The cost now, with `bytes` before the ask that the quote does not know of. Without a known
  /// rate they count nothing: the deadline bounds what that costs.
  std::optional<AskCost> cost_at(TimePoint now, std::uint64_t bytes) const;
};

/// Closed after a deadline passed without an answer, until an answer or a pong shows that the other
/// side is there: of a link that died, only one token pays. Closed, too, while an overloaded cloud
/// wants to be left alone. One for each connection.
class AskGate {
 public:
  /// No cloud is left alone for longer, whatever it says.
  static constexpr Duration longest_pause = std::chrono::minutes(1);

  void on_expired() { trusted_ = false; }
  void on_answer_or_pong() { trusted_ = true; }
  /// The cloud is overloaded and wants no asks for `pause`; zero: it does not say how long.
  void on_overloaded(TimePoint now, Duration pause);
  /// A new connection was greeted by its cloud.
  void on_connected() { *this = AskGate(); }
  bool trusted() const { return trusted_; }
  bool paused(TimePoint now) const { return now < paused_until_; }

 private:
  bool trusted_ = true;
  TimePoint paused_until_ = TimePoint::min();
};

enum class AskVerdict {
  ask,
  not_connected,  // no cloud
  distrusted,     // the last ask expired and nothing came since
  paused,         // the cloud is overloaded, and the time to try again is still to come
  too_slow,       // the expected cost exceeds the time left
};
std::string_view name_of(AskVerdict verdict);

/// `remaining` is the time that the token has from now on; empty: no limit. A link without a sample
/// is asked: the deadline bounds what that costs. Everything but `ask` means: fall back at once.
AskVerdict decide_ask(TimePoint now, bool connected, const AskGate& gate,
                      const std::optional<AskCost>& cost, std::optional<Duration> remaining);

}  // namespace cecollm::policy
