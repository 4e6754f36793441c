#include "bench/paper/testbed.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include "apps/development_pki.hpp"
#include "apps/setting_keys.hpp"
#include "bench/statistics.hpp"

namespace cecollm::bench {
namespace {

using Clock = std::chrono::steady_clock;

/// A checkpoint of many gigabytes takes its time.
constexpr std::chrono::minutes start_limit{10};
constexpr std::chrono::seconds link_limit{30};
/// How long both sides have computed nothing, beyond a trip over the link, before they count as
/// idle.
constexpr std::chrono::milliseconds quiet_time{15};
constexpr std::chrono::milliseconds look_interval{3};

std::string file_in(const apps::ScratchDirectory& directory, const std::string& name) {
  return (directory.path() / name).string();
}

/// What the cloud must have like the edge: the model, and how rows are written.
bool is_shared(const apps::SettingKey& key) {
  return key.kind != apps::ValueKind::boolean && apps::applies(key, apps::Node::cloud) &&
         apps::applies(key, apps::Node::edge) &&
         (key.name.starts_with("model.") || key.name == "link.row_dtype");
}

std::vector<std::string> shared_flags(const apps::SettingSources& edge) {
  std::vector<std::string> arguments;
  for (const auto& key : apps::setting_keys()) {
    if (!is_shared(key)) continue;
    std::string value;
    if (const auto given = edge.flags.find(key.name); given != edge.flags.end()) {
      value = given->second.back();
    } else if (const auto own = edge.command_defaults.find(key.name);
               own != edge.command_defaults.end()) {
      value = own->second;
    } else {
      continue;
    }
    arguments.emplace_back(key.flag);
    arguments.push_back(value);
  }
  return arguments;
}

}  // namespace

apps::Outcome<std::unique_ptr<Testbed>> Testbed::start(const TestbedSetting& setting) {
  std::unique_ptr<Testbed> testbed(new Testbed);
  if (testbed->directory_.path().empty()) {
    return apps::failed("no temporary directory for the benchmark's certificates");
  }
  if (auto made = apps::make_development_pki(testbed->directory_.path()); !made) {
    return tl::unexpected(made.error());
  }
  if (auto started = testbed->start_cloud(setting); !started) {
    return tl::unexpected(started.error());
  }
  if (auto started = testbed->start_edge(setting); !started) {
    return tl::unexpected(started.error());
  }
  return testbed;
}

apps::Outcome<void> Testbed::start_cloud(const TestbedSetting& setting) {
  const auto meter_file = file_in(directory_, "meter");
  auto meter = ComputeMeter::in_file(meter_file);
  if (!meter) return tl::unexpected(meter.error());
  cloud_meter_ = *std::move(meter);
  std::vector<std::string> arguments{apps::own_executable(),
                                     "bench",
                                     "paper-cloud",
                                     "--meter",
                                     meter_file,
                                     "--step-ms",
                                     to_text(setting.step_ms),
                                     "--listen",
                                     "127.0.0.1:0",
                                     "--cert",
                                     file_in(directory_, "cloud.pem"),
                                     "--key",
                                     file_in(directory_, "cloud.key"),
                                     "--ca",
                                     file_in(directory_, "ca.pem"),
                                     "--log-level",
                                     "error"};
  if (!setting.run_ahead) arguments.emplace_back("--no-run-ahead");
  for (auto& argument : shared_flags(setting.edge)) arguments.push_back(std::move(argument));
  auto process = apps::ChildProcess::start(arguments);
  if (!process) return tl::unexpected(process.error());
  cloud_ = *std::move(process);
  const auto line = cloud_->read_line(start_limit);
  if (!line) return apps::failed("the benchmark's cloud did not start; the line above says why");
  address_ = line->substr(line->rfind(' ') + 1);
  return {};
}

apps::Outcome<void> Testbed::start_edge(const TestbedSetting& setting) {
  auto meter = ComputeMeter::make();
  if (!meter) return tl::unexpected(meter.error());
  edge_meter_ = *std::move(meter);
  auto sources = setting.edge;
  // Each generation counts as the first with its prompt.
  sources.flags["conversations.max_kept"] = {"0"};
  sources.flags["link.cloud"] = {address_};
  sources.flags["link.certificate"] = {file_in(directory_, "edge.pem")};
  sources.flags["link.key"] = {file_in(directory_, "edge.key")};
  sources.flags["link.authority"] = {file_in(directory_, "ca.pem")};
  auto settings = apps::load_edge_settings(sources);
  if (!settings) return tl::unexpected(settings.error());
  settings_ = *std::move(settings);
  const apps::EngineWrap wrap = [&](std::shared_ptr<model::Engine> engine) {
    const auto pace = pace_of(setting.step_ms, engine->config());
    if (auto replay = setting.replay) {
      replay->seed = settings_.generation.sampling.seed;
      engine = with_replayed_exits(std::move(engine), *replay);
    }
    return metered(std::move(engine), edge_meter_, pace);
  };
  auto node = apps::EdgeNode::start(settings_, {}, wrap);
  if (!node) return tl::unexpected(node.error());
  node_ = *std::move(node);
  if (const auto link = node_->await_link(link_limit); !link.connected) {
    return apps::failed("the edge did not reach the benchmark's cloud: " + link.problem);
  }
  if (!setting.with_naive) return {};
  auto naive = NaiveEdge::start(node_->system(), settings_, wrap);
  if (!naive) return tl::unexpected(naive.error());
  naive_ = *std::move(naive);
  return {};
}

apps::Outcome<Response> Testbed::respond_by_node(const Mode& mode,
                                                 const std::vector<model::TokenId>& prompt,
                                                 const ResponseLimits& limits) {
  auto request = apps::request_from(settings_, node_->config());
  if (!request) return tl::unexpected(request.error());
  request->prompt = prompt;
  request->max_tokens = limits.max_tokens;
  request->ignore_eos = limits.ignore_eos;
  request->ask_ahead = mode.strategy == Strategy::asking_ahead;
  request->mode = mode.strategy == Strategy::cloud_only   ? policy::Mode::cloud_only
                  : mode.strategy == Strategy::standalone ? policy::Mode::standalone
                                                          : policy::Mode::collaborative;
  std::ranges::fill(request->thresholds.values, mode.threshold);
  Response response;
  auto last = Clock::now();
  const auto end = node_->generate(*std::move(request), [&](const actors::TokenEvent& token) {
    const auto now = Clock::now();
    if (!response.tokens.empty()) response.gaps.push_back(now - last);
    last = now;
    response.tokens.push_back(token.token);
    if (token.ask) {
      const auto& ask = *token.ask;
      const bool answered = ask.outcome == monitoring::AskOutcome::answered;
      response.communication += answered ? ask.trip - ask.queue - ask.compute : ask.wait;
    }
    return true;
  });
  if (!end) return tl::unexpected(end.error());
  response.from_cloud = static_cast<std::int64_t>(end->counts.cloud());
  response.fallback = static_cast<std::int64_t>(end->counts.fallback());
  response.asks_in_vain = end->asks_in_vain;
  response.total = end->total;
  response.first_token = end->time_to_first_token;
  response.bytes_up = end->upload.bytes_up;
  response.bytes_down = end->upload.bytes_down;
  response.row_bytes = end->upload.row_payload_bytes;
  return response;
}

apps::Outcome<Response> Testbed::respond(const Mode& mode,
                                         const std::vector<model::TokenId>& prompt,
                                         const ResponseLimits& limits) {
  const auto edge = edge_meter_->totals();
  const auto cloud = cloud_meter_->totals();
  auto response = mode.strategy == Strategy::naive ? naive_->respond(prompt, limits)
                                                   : respond_by_node(mode, prompt, limits);
  if (!response) return response;
  settle();
  response->edge = edge_meter_->totals() - edge;
  response->cloud = cloud_meter_->totals() - cloud;
  if (mode.strategy == Strategy::cloud_only) {
    // The stream says nothing of single tokens: all that was not computing was on the way.
    response->communication = response->total - response->cloud.busy;
  }
  return response;
}

void Testbed::settle() const {
  const auto now = std::chrono::nanoseconds(0);
  const auto trip = settings_.emulated_link ? settings_.emulated_link->at(now).rtt : now;
  auto totals = std::pair(edge_meter_->totals(), cloud_meter_->totals());
  auto quiet_since = Clock::now();
  while (Clock::now() - quiet_since < trip + quiet_time) {
    std::this_thread::sleep_for(look_interval);
    const auto seen = std::pair(edge_meter_->totals(), cloud_meter_->totals());
    if (seen == totals && !edge_meter_->busy() && !cloud_meter_->busy()) continue;
    totals = seen;
    quiet_since = Clock::now();
  }
}

}  // namespace cecollm::bench
