#pragma once
// What befalls links, clouds and settings while generations run: drawn from a seed, so that a
// failure can be replayed, and in words, so that it can be understood.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/memory_world.hpp"
#include "transport/link_shape.hpp"

namespace cecollm::tests {

struct Fault {
  enum class Kind {
    stall,    // links hold everything for a while
    outage,   // links lose everything for a while
    slow,     // links hold everything ten times in a while
    reset,    // connections are reset
    refuse,   // a cloud's connections are reset, and new ones refused for a while
    kill,     // a cloud's process dies; an empty one is started after a while
    vanish,   // a cloud's machine is gone without a word; an empty one comes after a while
    replace,  // a cloud's process dies, an empty one takes its place at once
    leave,    // a cloud says goodbye; an empty one is started after a while
    reload,   // edges get other settings
    freeze,   // a cloud's process is stopped for a while
  } kind = Kind::stall;
  std::optional<std::size_t> edge;          // whose links or settings; none: all edges'
  std::optional<std::size_t> cloud;         // that it befalls, or whose links; none: all clouds'
  std::optional<std::size_t> after_tokens;  // of all generations; else `at` says when
  std::chrono::microseconds at{0};
  std::chrono::microseconds lasts{0};
  actors::Reconfigure settings;  // of a reload
};
inline constexpr const char* fault_names[] = {"stall",  "outage", "slow",   "reset",
                                              "refuse", "kill",   "vanish", "replace",
                                              "leave",  "reload", "freeze"};

struct FaultSchedule {
  /// A client that has had enough before the end.
  struct Departure {
    bool hangs_up = false;                    // says nothing, is just gone
    std::optional<std::size_t> after_tokens;  // of this generation; else `after` says when
    std::chrono::microseconds after{0};       // its start
  };
  struct Generation {
    std::chrono::microseconds at{0};
    std::size_t edge = 0;
    actors::GenerationRequest request;
    std::optional<Departure> departure;
    int turns = 1;  // each further one is a request that goes on with the text so far
  };
  std::uint64_t seed = 0;
  std::string link;
  MemoryWorld::Options options;
  /// Deadlines are longer than any fault: no ask may be late.
  bool patient = false;
  std::vector<Generation> generations;
  std::vector<Fault> faults;
};
inline constexpr std::chrono::minutes long_enough{10};

/// Chance that is the same with every standard library.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint64_t seed() { return random_(); }
  double unit() { return static_cast<double>(random_() >> 11U) * 0x1.0p-53; }
  bool chance(double probability) { return unit() < probability; }
  /// Both included.
  template <class T>
  T between(T low, T high) {
    return low + static_cast<T>(random_() % static_cast<std::uint64_t>(high - low + 1));
  }
  template <class T>
  T one_of(const std::vector<T>& values) {
    return values[between<std::size_t>(0, values.size() - 1)];
  }
  /// As likely to be of one order of magnitude as of another.
  double scaled(double low, double high) { return low * std::pow(high / low, unit()); }
  std::chrono::microseconds time(double low_ms, double high_ms) {
    return std::chrono::microseconds(std::llround(1000 * scaled(low_ms, high_ms)));
  }

 private:
  std::mt19937_64 random_;
};

inline std::string random_link(Dice& dice, std::chrono::microseconds rtt) {
  std::ostringstream spec;
  spec << "rtt=" << rtt.count() << "us";
  if (dice.chance(0.5))
    spec << ",jitter=" << dice.between<std::int64_t>(1, rtt.count() / 4) << "us";
  if (dice.chance(0.6)) spec << ",up=" << std::llround(dice.scaled(200, 50000)) << "kbit";
  if (dice.chance(0.6)) spec << ",down=" << std::llround(dice.scaled(200, 50000)) << "kbit";
  if (dice.chance(0.4)) spec << ",loss=" << dice.between(1, 20) / 10.0 << "%";
  spec << ",seed=" << dice.between(1, 1'000'000);
  return spec.str();
}

inline policy::ExitThresholds random_thresholds(Dice& dice, std::size_t exits) {
  policy::ExitThresholds thresholds;
  for (std::size_t i = 0; i < exits; ++i) {
    thresholds.values.push_back(dice.chance(0.2) ? 2.0F
                                                 : static_cast<float>(0.5 + dice.unit() / 2));
  }
  return thresholds;
}

inline actors::GenerationRequest random_request(Dice& dice, std::size_t exits) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  actors::GenerationRequest request;
  std::vector<model::TokenId> prompt(dice.between<std::size_t>(1, dice.chance(0.1) ? 200 : 40));
  for (auto& id : prompt) id = dice.between(3, 63);
  request.prompt = std::move(prompt);
  request.thresholds = random_thresholds(dice, exits);
  request.ask_ahead = dice.chance(0.5);
  request.max_tokens = dice.between(1, 100);
  request.ignore_eos = dice.chance(0.8);
  request.token_deadline = duration_cast<milliseconds>(dice.time(5, 5000));
  request.first_token_deadline = duration_cast<milliseconds>(dice.time(20, 10000));
  if (dice.chance(0.4)) {
    auto& sampling = request.sampling;
    sampling.seed = dice.seed();
    sampling.temperature = static_cast<float>(dice.scaled(0.5, 3));
    if (dice.chance(0.5)) sampling.top_p = 0.95F;
    if (dice.chance(0.6)) {
      sampling.repetition_penalty = static_cast<float>(dice.scaled(0.8, 1.9));
      sampling.presence_penalty = static_cast<float>(2 * dice.unit());
      sampling.frequency_penalty = static_cast<float>(2 * dice.unit() - 0.5);
    }
  }
  return request;
}

inline FaultSchedule::Departure random_departure(Dice& dice, std::int64_t tokens) {
  FaultSchedule::Departure departure;
  departure.hangs_up = dice.chance(0.5);
  if (dice.chance(0.5)) {
    departure.after_tokens = dice.between<std::size_t>(0, static_cast<std::size_t>(tokens) - 1);
  } else {
    departure.after = dice.time(0.01, 3000);
  }
  return departure;
}

/// Settings that an operator might change to, good ones or bad.
inline actors::Reconfigure random_settings(Dice& dice, const MemoryWorld::Options& options,
                                           bool patient) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  actors::Reconfigure settings;
  settings.adaptive = dice.chance(0.7);
  auto& mode = settings.mode = options.mode;
  if (dice.chance(0.5)) {
    mode.preferred = dice.one_of<policy::Mode>(
        {policy::Mode::standalone, policy::Mode::collaborative, policy::Mode::cloud_only});
  }
  // So low that no link is good enough, or so high that all are.
  mode.leave_above = dice.time(1, 5000);
  mode.enter_below = dice.chance(0.5) ? mode.leave_above : mode.leave_above / 2;
  mode.maximum_uplink_delay = dice.time(1, 60000);
  mode.minimum_dwell = dice.time(1, 3000);
  mode.expired_asks = dice.between(1, 3);
  mode.ping_timeouts = dice.between(1, 3);
  mode.probe_samples = dice.between(1, 10);
  mode.probe_interval = dice.time(10, 1000);
  mode.maximum_probe_interval = dice.time(1000, 4000);
  settings.thresholds = random_thresholds(dice, options.model.config.exits->layers.size());
  settings.token_deadline = patient ? long_enough : duration_cast<milliseconds>(dice.time(5, 5000));
  settings.first_token_deadline =
      patient ? long_enough : duration_cast<milliseconds>(dice.time(20, 10000));
  return settings;
}

/// `more` decides on what was added later, so that older seeds still give what they gave.
inline Fault random_fault(Dice& dice, Dice& more, const MemoryWorld::Options& options, bool patient,
                          std::size_t tokens, double span_ms) {
  Fault fault;
  fault.kind = static_cast<Fault::Kind>(
      dice.between<std::size_t>(0, static_cast<std::size_t>(Fault::Kind::reload)));
  const bool of_a_link = fault.kind <= Fault::Kind::reset;
  const bool of_an_edge = fault.kind == Fault::Kind::reload;
  if ((of_a_link || of_an_edge) && dice.chance(0.5)) {
    fault.edge = dice.between<std::size_t>(0, options.edges - 1);
  }
  if (of_an_edge) fault.settings = random_settings(dice, options, patient);
  // Mostly the cloud that the edges prefer.
  if (!of_an_edge && (!of_a_link || dice.chance(0.5))) {
    fault.cloud = dice.chance(0.6) ? 0 : dice.between<std::size_t>(0, options.clouds - 1);
  }
  if (dice.chance(0.5)) {
    fault.after_tokens = dice.between<std::size_t>(0, tokens);
  } else {
    fault.at = dice.time(0.1, span_ms);
  }
  fault.lasts = dice.time(1, dice.chance(0.2) ? 20000 : 2000);
  if (!of_an_edge && more.chance(0.12)) {
    fault.kind = Fault::Kind::freeze;
    fault.edge.reset();
    if (!fault.cloud) fault.cloud = 0;
  }
  return fault;
}

/// Generations get further turns, and edges keep conversations, more or fewer than there are.
inline void add_conversations(Dice& dice, FaultSchedule& schedule) {
  auto& options = schedule.options;
  options.conversations = {dice.between<std::size_t>(1, 4),
                           static_cast<std::uint64_t>(dice.scaled(1e3, 1e6)),
                           std::chrono::milliseconds(dice.between(100, 20000))};
  options.cloud_resumes = dice.chance(0.8);
  for (auto& generation : schedule.generations) generation.turns = dice.between(1, 4);
  // Texts become as long as the model allows.
  const std::int64_t longest = options.model.config.max_positions + 8;
  if (options.kv_positions != 0) options.kv_positions = std::max(options.kv_positions, longest);
}

inline FaultSchedule random_schedule(std::uint64_t seed) {
  Dice dice(seed);
  Dice more(mix(seed));
  FaultSchedule schedule;
  schedule.seed = seed;
  auto& options = schedule.options;
  options.edges = dice.chance(0.6) ? 1 : dice.between<std::size_t>(2, 3);
  options.clouds = dice.chance(0.6) ? 1 : 2;
  auto& model = options.model;
  model.config.exits->layers =
      dice.one_of<std::vector<int>>({{3, 6}, {1}, {5, 11}, {2, 4, 7, 9}, {11}});
  model.seed = dice.seed();
  model.codec = model::find_row_codec(dice.one_of<std::string>({"fp32", "fp16", "bf16"}));
  const auto rtt = dice.time(1, 200);
  schedule.link = random_link(dice, rtt);
  options.link = *transport::parse_link_spec(schedule.link);
  const auto row_bytes = model.codec->row_bytes(model.config.hidden_size);
  if (dice.chance(0.5)) {
    // So small that windows fill all the time.
    options.max_batch_bytes = row_bytes * dice.between<std::size_t>(1, 8);
    options.acknowledge_bytes = row_bytes * dice.between<std::size_t>(1, 16);
    options.window_bytes = options.acknowledge_bytes + row_bytes * dice.between<std::size_t>(0, 16);
  }
  if (dice.chance(0.7)) options.edge_pass = dice.time(0.1, 20);
  if (dice.chance(0.7)) options.cloud_pass = dice.time(0.1, dice.chance(0.3) ? 300 : 30);
  if (dice.chance(0.7)) {
    // So short that generations meet the cloud again.
    options.reconnect.initial = dice.time(1, 100);
    options.reconnect.maximum = 4 * options.reconnect.initial;
  }
  options.reconnect.failback_after = dice.time(50, 5000);
  options.heartbeat = std::chrono::milliseconds(dice.between(200, 2000));
  if (dice.chance(0.4)) options.context_ttl = std::chrono::milliseconds(dice.between(1000, 5000));
  if (dice.chance(0.4)) options.grace_time = std::chrono::milliseconds(dice.between(1, 5000));
  options.sweep_interval = std::chrono::milliseconds(dice.between(20, 1000));

  options.adaptive = dice.chance(0.5);
  // Links of these schedules are good enough while nothing befalls them.
  if (dice.chance(0.25)) options.mode.preferred = policy::Mode::cloud_only;
  options.mode.enter_below = std::chrono::seconds(2);
  options.mode.leave_above = std::chrono::seconds(3);
  options.mode.maximum_uplink_delay = std::chrono::minutes(1);
  options.mode.minimum_dwell = dice.time(1, 3000);
  options.mode.ping_timeouts = 3;
  options.mode.maximum_probe_interval = std::chrono::seconds(4);

  const auto exits = model.config.exits->layers.size();
  const auto generations = dice.chance(0.5) ? 1 : dice.between(2, 6);
  schedule.patient = dice.chance(0.3);
  double tokens = 0;
  for (int i = 0; i < generations; ++i) {
    FaultSchedule::Generation generation;
    generation.at = dice.time(0.01, 1000);
    generation.edge = dice.between<std::size_t>(0, options.edges - 1);
    auto& request = generation.request = random_request(dice, exits);
    request.mode = options.mode.preferred;
    if (dice.chance(0.2)) {
      request.mode = dice.chance(0.5) ? policy::Mode::collaborative : policy::Mode::cloud_only;
    }
    if (schedule.patient) request.token_deadline = request.first_token_deadline = long_enough;
    if (dice.chance(0.25)) generation.departure = random_departure(dice, request.max_tokens);
    tokens += static_cast<double>(request.max_tokens);
    schedule.generations.push_back(std::move(generation));
  }
  const bool streams = std::ranges::any_of(schedule.generations, [](const auto& generation) {
    return generation.request.mode == policy::Mode::cloud_only;
  });
  // Room for the longest of them alone, mostly not for all: caches are given up and built again.
  if (!streams && more.chance(0.4)) options.kv_positions = more.between<std::int64_t>(310, 600);
  const double span_ms =
      500 + tokens * static_cast<double>((rtt + options.edge_pass).count()) / 1000;
  for (auto faults = dice.between(1, 6); faults > 0; --faults) {
    schedule.faults.push_back(random_fault(dice, more, options, schedule.patient,
                                           static_cast<std::size_t>(tokens), span_ms));
  }
  if (more.chance(0.5)) add_conversations(more, schedule);
  return schedule;
}

}  // namespace cecollm::tests
