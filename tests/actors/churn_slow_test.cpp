// Many edges at one cloud that come, generate, lose their link, resume, crash and leave, all at
// once and over real sockets. CECOLLM_CHURN_EDGES and CECOLLM_CHURN_SECONDS make it smaller or
// longer.

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include <gmock/gmock.h>

#include "tests/support/fake_nodes.hpp"
#include "tests/support/token_audit.hpp"

namespace cecollm::actors {
namespace {

using tests::FakeCloud;
using tests::FakeEdge;
using tests::Watched;
using Clock = std::chrono::steady_clock;

int number_from(const char* name, int otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoi(text);
}

std::ptrdiff_t open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

/// Resets its connections every half second to two seconds, and refuses new ones for a moment.
std::shared_ptr<transport::EmulatedLink> shaky_link(std::mt19937_64& random) {
  using std::chrono::milliseconds;
  const milliseconds up(500 + random() % 1500);
  std::vector<transport::LinkSegment> segments(2);
  segments[0].rtt = segments[1].rtt = milliseconds(random() % 8);
  segments[1].start = up;
  segments[1].state = transport::LinkState::reset;
  const transport::LinkShape shape(std::move(segments), up + milliseconds(20));
  return std::make_shared<transport::EmulatedLink>(shape, Clock::now());
}

struct Tally {
  std::atomic<int> lives{0};
  std::atomic<int> crashes{0};
  std::atomic<int> generations{0};
  std::atomic<int> cancelled{0};
  std::atomic<std::int64_t> from_cloud{0};
  std::atomic<std::int64_t> fallbacks{0};
  std::atomic<std::uint64_t> resent{0};
  std::atomic<int> reconnects{0};
};

/// One device for the length of the test: edge after edge with its certificate.
class Device {
 public:
  Device(tests::Pki& pki, const transport::Endpoint& cloud, caf::actor_system& system,
         std::uint64_t number, Tally& tally)
      : pki_(pki),
        tls_(pki.client("edge-" + std::to_string(number))),
        cloud_(cloud),
        system_(system),
        random_(number),
        number_(number),
        tally_(tally) {}

  void live_until(Clock::time_point end) {
    while (Clock::now() < end) {
      FakeEdge::Options options;
      options.instance = number_ << 32U | lives_++;
      options.tls = tls_;
      options.system = &system_;
      if (random_() % 2 == 0) options.link = shaky_link(random_);
      auto edge = std::make_unique<FakeEdge>(pki_, std::vector{cloud_}, options);
      if (options.link) {
        // Some tokens a link's life, as on a small device.
        edge->engine().on_run = [pause = std::chrono::milliseconds(random_() % 3)](auto) {
          std::this_thread::sleep_for(pause);
        };
      }
      edge->await_link();
      const auto generations = 1 + random_() % 5;
      for (std::uint64_t i = 0; i < generations && Clock::now() < end; ++i) generate(*edge);
      ++tally_.lives;
      if (random_() % 4 == 0) {
        crash_in_mid_generation(*edge);
      } else {
        edge->leave();
      }
      tally_.reconnects += static_cast<int>(edge->metrics().reconnects.Value());
      past_.push_back(std::move(edge));
    }
  }

 private:
  Watched begin() {
    Watched watched;
    std::vector<model::TokenId> prompt(1 + random_() % 40);
    for (auto& id : prompt) id = static_cast<model::TokenId>(3 + random_() % 60);
    watched.request.prompt = std::move(prompt);
    watched.request.thresholds.values = {0.6F, 0.7F};
    watched.request.max_tokens = static_cast<std::int64_t>(10 + random_() % 60);
    watched.request.ignore_eos = true;
    watched.request.token_deadline = watched.request.first_token_deadline = tests::patience;
    return watched;
  }

  void generate(FakeEdge& edge) {
    auto watched = begin();
    const auto give_up_at = random_() % 5 == 0 ? random_() % 10 : std::uint64_t{1000};
    watched.started = caf::actor_clock::clock_type::now();
    const auto got = edge.generate(watched.request, [&](const TokenEvent& token) {
      watched.tokens.push_back({token, caf::actor_clock::clock_type::now()});
      return watched.tokens.size() < give_up_at;
    });
    watched.end = got.end;
    ASSERT_EQ(got.end.error, "");
    tests::expect_right_tokens(tests::fake_model(), watched);
    ++tally_.generations;
    if (got.end.reason == FinishReason::cancelled) {
      ++tally_.cancelled;
    } else {
      EXPECT_EQ(std::ssize(watched.tokens), watched.request.max_tokens);
    }
    tally_.from_cloud += got.end.counts.cloud();
    tally_.fallbacks += got.end.counts.fallback();
    tally_.resent += got.end.upload.rows_resent;
  }

  void crash_in_mid_generation(FakeEdge& edge) {
    edge.start(begin().request);
    edge.crash();
    ++tally_.crashes;
  }

  tests::Pki& pki_;
  const std::shared_ptr<const transport::TlsContext> tls_;
  const transport::Endpoint cloud_;
  caf::actor_system& system_;
  std::mt19937_64 random_;
  const std::uint64_t number_;
  std::uint64_t lives_ = 0;
  Tally& tally_;
  std::vector<std::unique_ptr<FakeEdge>> past_;  // their last actors may still be ending
};

/// The cloud notices on its own time; it has half a minute.
bool comes_true(const std::function<bool()>& condition) {
  const auto end = Clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

TEST(Churn, LeavesEveryTokenRightAndNothingBehind) {
  const auto edges = static_cast<std::uint64_t>(number_from("CECOLLM_CHURN_EDGES", 64));
  const std::chrono::seconds time(number_from("CECOLLM_CHURN_SECONDS", 120));
  tests::Pki pki;
  FakeCloud cloud(pki, {.grace_time = std::chrono::milliseconds(500)});
  SystemConfig config;
  caf::actor_system system(config);
  Tally tally;
  std::vector<std::unique_ptr<Device>> devices;
  for (std::uint64_t number = 1; number <= edges; ++number) {
    devices.push_back(std::make_unique<Device>(pki, cloud.endpoint(), system, number, tally));
  }
  devices.front()->live_until(Clock::now() + std::chrono::milliseconds(1));  // all is there now
  const auto& metrics = cloud.metrics();
  EXPECT_TRUE(comes_true([&] { return metrics.connections.Value() == 0; }));
  const auto descriptors = open_descriptors();

  const auto end = Clock::now() + time;
  std::vector<std::thread> threads;
  for (auto& device : devices) threads.emplace_back([&] { device->live_until(end); });
  for (auto& thread : threads) thread.join();

  EXPECT_TRUE(comes_true([&] { return metrics.connections.Value() == 0; }));
  EXPECT_TRUE(comes_true([&] { return metrics.contexts.Value() == 0; }))
      << metrics.contexts.Value() << " contexts are left";
  EXPECT_EQ(metrics.kv_bytes.Value(), 0);
  EXPECT_EQ(metrics.row_bytes.Value(), 0);
  EXPECT_TRUE(comes_true([&] { return open_descriptors() <= descriptors; }))
      << open_descriptors() << " descriptors are open, before it were " << descriptors;
  system.await_all_actors_done();  // before the edges are destroyed

  EXPECT_GE(tally.lives, static_cast<int>(edges));
  EXPECT_GT(tally.crashes, 0);
  EXPECT_GT(tally.cancelled, 0);
  EXPECT_GT(tally.reconnects, 0) << "no link was lost while an edge lived";
  EXPECT_GT(tally.from_cloud, tally.fallbacks);
  std::cout << tally.lives << " lives of edges, " << tally.crashes << " crashes, "
            << tally.reconnects << " reconnects, " << tally.generations << " generations, "
            << tally.cancelled << " cancelled, " << tally.from_cloud << " tokens from the cloud, "
            << tally.fallbacks << " fallbacks, " << tally.resent << " rows resent\n";
}

}  // namespace
}  // namespace cecollm::actors
