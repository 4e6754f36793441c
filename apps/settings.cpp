#include "apps/settings.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <type_traits>
#include <utility>

namespace cecollm::apps {
namespace {

using std::chrono::milliseconds;

/// A key with its flag, as a message names what is to be given.
std::string named(std::string_view name) {
  return std::string(name) + " (" + std::string(find_setting_key(name)->flag) + ")";
}

/// Builds the structs from merged values and collects what does not fit together.
class Builder {
 public:
  Builder(const SettingValues& values, std::vector<std::string>& problems)
      : values_(values), problems_(problems) {}

  EdgeSettings edge() {
    EdgeSettings settings;
    settings.model = model();
    settings.generation = generation();
    const GenerationMode mode = settings.generation.mode;
    const bool needs_cloud =
        mode == GenerationMode::collaborative || mode == GenerationMode::cloud_only;
    if (needs_cloud) {
      settings.clouds = clouds();
      if (settings.clouds.empty()) {
        problem(values_.locate("generation.mode") + ": mode " + std::string(name_of(mode)) +
                " needs a cloud; give its address as " + named("link.cloud"));
      }
    }
    settings.link = link(settings.clouds, "link.cloud");
    settings.row_memory = static_cast<std::size_t>(get<std::int64_t>("link.row_memory"));
    settings.upload_budget = {optional_size("link.upload_budget_request"),
                              optional_size("link.upload_budget_day")};
    settings.upload_budget_file = get<std::string>("link.upload_budget_file");
    if (!settings.upload_budget_file.empty() && !settings.upload_budget.per_day) {
      problem(values_.locate("link.upload_budget_file") + " is of no use without " +
              named("link.upload_budget_day"));
    }
    settings.emulated_link = emulated_link();
    settings.adaptive = get<bool>("supervisor.adaptive");
    settings.supervisor = supervisor(mode);
    settings.conversations = {static_cast<std::size_t>(get<std::int64_t>("conversations.max_kept")),
                              static_cast<std::uint64_t>(get<std::int64_t>("conversations.memory")),
                              get<milliseconds>("conversations.ttl")};
    settings.api = api();
    settings.admin_listen = admin_listen();
    settings.monitoring = monitoring();
    if (mode == GenerationMode::full && !settings.monitoring.trace_file.empty()) {
      problem(values_.locate("log.trace_file") +
              ": mode full has no timeline; leave it out, or choose another mode");
    }
    return settings;
  }

  CloudSettings cloud() {
    CloudSettings settings;
    settings.model = model();
    settings.serve_cloud_only = get<bool>("model.cloud_only");
    const auto listen = endpoint("link.listen");
    if (listen) {
      settings.listen = *listen;
    } else {
      problem("the address to listen on is missing; give it as " + named("link.listen"));
    }
    settings.link =
        link(listen ? std::vector{*listen} : std::vector<transport::Endpoint>{}, "link.listen");
    settings.allowed = allowed(settings.link);
    settings.max_connections = static_cast<std::size_t>(get<std::int64_t>("link.max_connections"));
    settings.contexts = contexts();
    settings.batch = batch();
    settings.api = api();
    if (settings.api.listen && !settings.serve_cloud_only) {
      problem(values_.locate("api.listen") + " needs the shallow layers: leave " +
              named("model.cloud_only") + " true");
    }
    settings.admin_listen = admin_listen();
    settings.monitoring = monitoring();
    return settings;
  }

 private:
  template <class T>
  T get(std::string_view name) const {
    return values_.has(name) ? values_.get<T>(name) : T{};
  }

  void problem(std::string sentence) { problems_.push_back(std::move(sentence)); }

  std::optional<transport::Endpoint> endpoint(std::string_view name) {
    if (!values_.has(name)) return std::nullopt;
    auto parsed = transport::parse_endpoint(get<std::string>(name));
    if (!parsed) {
      problem(values_.locate(name) + ": " + parsed.error().message);
      return std::nullopt;
    }
    return *std::move(parsed);
  }

  std::vector<transport::Endpoint> clouds() {
    std::vector<transport::Endpoint> endpoints;
    for (const auto& text : get<std::vector<std::string>>("link.cloud")) {
      // Each was checked when it was read.
      if (auto parsed = transport::parse_endpoint(text)) endpoints.push_back(*std::move(parsed));
    }
    return endpoints;
  }

  std::optional<std::uint64_t> optional_size(std::string_view name) const {
    if (!values_.has(name)) return std::nullopt;
    return static_cast<std::uint64_t>(values_.get<std::int64_t>(name));
  }

  std::optional<transport::LinkShape> emulated_link() {
    if (values_.has("link.emulate") && values_.has("link.emulate_trace")) {
      problem(values_.locate("link.emulate") + " and link.emulate_trace exclude each other");
      return std::nullopt;
    }
    for (const std::string_view name : {"link.emulate", "link.emulate_trace"}) {
      if (!values_.has(name)) continue;
      const auto text = values_.get<std::string>(name);
      auto shape = name == "link.emulate" ? transport::parse_link_spec(text)
                                          : transport::load_link_trace(text);
      if (shape) return *std::move(shape);
      problem(values_.locate(name) + ": " + shape.error().message);
    }
    return std::nullopt;
  }

  policy::ModeSettings supervisor(GenerationMode mode) {
    policy::ModeSettings settings;
    settings.preferred = policy_mode(mode).value_or(policy::Mode::standalone);
    settings.leave_above = get<milliseconds>("supervisor.leave_above");
    settings.enter_below = get<milliseconds>("supervisor.enter_below");
    settings.minimum_dwell = get<milliseconds>("supervisor.minimum_dwell");
    settings.expired_asks = static_cast<int>(get<std::int64_t>("supervisor.expired_asks"));
    settings.ping_timeouts = static_cast<int>(get<std::int64_t>("supervisor.ping_timeouts"));
    settings.probe_interval = get<milliseconds>("supervisor.probe_interval");
    settings.maximum_probe_interval = get<milliseconds>("supervisor.probe_interval_max");
    settings.probe_samples = static_cast<int>(get<std::int64_t>("supervisor.probe_samples"));
    settings.probe_timeout = get<milliseconds>("supervisor.probe_timeout");
    at_most("supervisor.enter_below", "supervisor.leave_above");
    at_most("supervisor.probe_interval", "supervisor.probe_interval_max");
    if (settings.probe_ping_interval > settings.probe_timeout / settings.probe_samples) {
      problem(values_.locate("supervisor.probe_timeout") + " must be at least " +
              std::to_string(std::chrono::ceil<milliseconds>(settings.probe_ping_interval *
                                                             settings.probe_samples)
                                 .count()) +
              "ms for supervisor.probe_samples = " + std::to_string(settings.probe_samples));
    }
    return settings;
  }

  void at_most(std::string_view less, std::string_view more) {
    const auto limit = get<milliseconds>(more);
    if (get<milliseconds>(less) <= limit) return;
    problem(values_.locate(less) + " must be at most " + std::string(more) + " (" +
            std::to_string(limit.count()) + "ms)");
  }

  ModelSettings model() {
    ModelSettings settings;
    settings.directory = get<std::string>("model.directory");
    if (settings.directory.empty()) {
      problem("the model is missing; give its directory as " + named("model.directory"));
    }
    for (const std::int64_t layer : get<std::vector<std::int64_t>>("model.exit_layers")) {
      if (!settings.exit_layers.empty() && layer <= settings.exit_layers.back()) {
        problem(values_.locate("model.exit_layers") + ": layers must ascend");
        break;
      }
      settings.exit_layers.push_back(static_cast<int>(layer));
    }
    settings.dtype = compute_dtype();
    if (get<std::string>("model.weights") == "int8") settings.weights = model::WeightChoice::int8;
    if (const auto device = model::parse_device(get<std::string>("model.device"))) {
      settings.device = *device;
    } else {
      problem(values_.locate("model.device") + ": " + device.error().message);
    }
    settings.threads = static_cast<int>(get<std::int64_t>("model.threads"));
    return settings;
  }

  model::ComputeDType compute_dtype() const {
    const auto text = get<std::string>("model.dtype");
    if (text == "fp32") return model::ComputeDType::fp32;
    if (text == "bf16") return model::ComputeDType::bf16;
    return model::ComputeDType::automatic;
  }

  model::DType row_dtype() const {
    if (const auto named = model::dtype_from_name(get<std::string>("link.row_dtype"))) {
      return *named;
    }
    return compute_dtype() == model::ComputeDType::fp32 ? model::DType::f32 : model::DType::f16;
  }

  LinkSettings link(const std::vector<transport::Endpoint>& addresses,
                    std::string_view address_name) {
    LinkSettings settings;
    settings.insecure = get<bool>("link.insecure");
    if (!addresses.empty()) settings.credentials = credentials(addresses, address_name);
    settings.row_dtype = row_dtype();
    settings.heartbeat = get<milliseconds>("link.heartbeat");
    settings.silence_limit = get<milliseconds>("link.silence_limit");
    if (settings.silence_limit < 2 * settings.heartbeat) {
      problem(values_.locate("link.silence_limit") + " must be at least twice link.heartbeat (" +
              std::to_string(settings.heartbeat.count()) + "ms)");
    }
    settings.connect_timeout = get<milliseconds>("link.connect_timeout");
    settings.max_frame_bytes =
        static_cast<std::uint32_t>(get<std::int64_t>("link.max_frame_bytes"));
    settings.max_queue_bytes =
        static_cast<std::uint64_t>(get<std::int64_t>("link.max_queue_bytes"));
    if (settings.max_queue_bytes < settings.max_frame_bytes) {
      problem(values_.locate("link.max_queue_bytes") + " must be at least link.max_frame_bytes (" +
              std::to_string(settings.max_frame_bytes) + "B)");
    }
    return settings;
  }

  policy::AllowList allowed(const LinkSettings& link) {
    if (!values_.has("link.allow")) return {};
    if (link.insecure) {
      problem(values_.locate("link.allow") + " and link.insecure exclude each other");
    }
    return policy::AllowList(get<std::vector<std::string>>("link.allow"));
  }

  std::optional<transport::Credentials> credentials(
      const std::vector<transport::Endpoint>& addresses, std::string_view address_name) {
    constexpr std::string_view names[] = {"link.certificate", "link.key", "link.authority"};
    if (get<bool>("link.insecure")) {
      for (const auto& address : addresses) {
        if (transport::is_loopback(address)) continue;
        problem(values_.locate("link.insecure") + ": only for loopback addresses, and " +
                std::string(address_name) + " is " + transport::to_string(address) +
                "; give certificates instead");
      }
      for (const std::string_view name : names) {
        if (values_.has(name)) {
          problem(values_.locate(name) + " and link.insecure exclude each other");
        }
      }
      return std::nullopt;
    }
    std::string missing;
    for (const std::string_view name : names) {
      if (values_.has(name)) continue;
      if (!missing.empty()) missing += ", ";
      missing += named(name);
    }
    if (!missing.empty()) {
      const auto& address = addresses.front();
      problem("the link at " + transport::to_string(address) + " lacks " + missing +
              (transport::is_loopback(address) ? "; or, on loopback, use --insecure" : ""));
      return std::nullopt;
    }
    return transport::Credentials{.certificate = get<std::string>(names[0]),
                                  .key = get<std::string>(names[1]),
                                  .authority = get<std::string>(names[2])};
  }

  GenerationMode mode() {
    const auto text = get<std::string>("generation.mode");
    for (const GenerationMode mode : {GenerationMode::full, GenerationMode::standalone,
                                      GenerationMode::collaborative, GenerationMode::cloud_only}) {
      if (text != name_of(mode)) continue;
      const std::string place = values_.locate("generation.mode");
      if (mode == GenerationMode::full && !place.starts_with("--")) {
        problem(place + ": full is one process with all layers, for cecollm generate --mode full");
      }
      return mode;
    }
    return values_.has("link.cloud") ? GenerationMode::collaborative : GenerationMode::standalone;
  }

  GenerationSettings generation() {
    GenerationSettings settings;
    settings.mode = mode();
    if (settings.mode != GenerationMode::full || !values_.is_default("generation.thresholds")) {
      for (const double threshold : get<std::vector<double>>("generation.thresholds")) {
        settings.thresholds.push_back(static_cast<float>(threshold));
      }
    }
    settings.max_tokens = static_cast<int>(get<std::int64_t>("generation.max_tokens"));
    settings.token_deadline = get<milliseconds>("generation.token_deadline");
    settings.first_token_deadline = values_.has("generation.first_token_deadline")
                                        ? get<milliseconds>("generation.first_token_deadline")
                                        : settings.token_deadline;
    settings.ask_ahead = get<bool>("generation.ask_ahead");
    settings.ignore_eos = get<bool>("generation.ignore_eos");
    settings.stop = get<std::vector<std::string>>("generation.stop");
    settings.sampling = sampling();
    return settings;
  }

  model::SamplingParams sampling() const {
    const auto real = [&](std::string_view name) {
      return static_cast<float>(get<double>(name));
    };
    const auto whole = [&](std::string_view name) {
      return static_cast<int>(get<std::int64_t>(name));
    };
    return {.temperature = real("generation.temperature"),
            .top_k = whole("generation.top_k"),
            .top_p = real("generation.top_p"),
            .min_p = real("generation.min_p"),
            .repetition_penalty = real("generation.repetition_penalty"),
            .presence_penalty = real("generation.presence_penalty"),
            .frequency_penalty = real("generation.frequency_penalty"),
            .seed = static_cast<std::uint64_t>(get<std::int64_t>("generation.seed")),
            .top_logprobs = whole("generation.logprobs")};
  }

  ContextSettings contexts() {
    ContextSettings settings;
    settings.max_total = static_cast<std::size_t>(get<std::int64_t>("contexts.max_total"));
    settings.max_per_edge = static_cast<std::size_t>(get<std::int64_t>("contexts.max_per_edge"));
    if (settings.max_per_edge > settings.max_total) {
      problem(values_.locate("contexts.max_per_edge") + " must be at most contexts.max_total (" +
              std::to_string(settings.max_total) + ")");
    }
    settings.max_per_identity =
        static_cast<std::size_t>(get<std::int64_t>("contexts.max_per_identity"));
    settings.row_memory = optional_size("contexts.row_memory").value_or(0);
    settings.row_memory_per_identity =
        optional_size("contexts.row_memory_per_identity").value_or(0);
    settings.kv_memory = optional_size("contexts.kv_memory").value_or(0);
    settings.idle_ttl = get<milliseconds>("contexts.idle_ttl");
    settings.disconnect_grace = get<milliseconds>("contexts.disconnect_grace");
    return settings;
  }

  BatchSettings batch() {
    BatchSettings settings;
    settings.limits.rows = get<std::int64_t>("batch.rows");
    settings.limits.tokens = static_cast<std::size_t>(get<std::int64_t>("batch.tokens"));
    settings.max_waiting = static_cast<std::size_t>(get<std::int64_t>("batch.max_waiting"));
    settings.run_ahead = get<bool>("batch.run_ahead");
    return settings;
  }

  ApiSettings api() {
    return {endpoint("api.listen"), get<std::string>("api.keys"),
            static_cast<std::size_t>(get<std::int64_t>("api.max_streams")),
            get<milliseconds>("api.drain_timeout")};
  }

  std::optional<transport::Endpoint> admin_listen() {
    auto address = endpoint("admin.listen");
    if (!address || transport::is_loopback(*address)) return address;
    problem(values_.locate("admin.listen") + ": " + transport::to_string(*address) +
            " is no loopback address, and the admin surface is for this machine alone; take "
            "127.0.0.1:" +
            std::to_string(address->port));
    return std::nullopt;
  }

  MonitoringSettings monitoring() {
    return {endpoint("metrics.listen"), get<std::string>("log.level"),
            get<std::string>("log.format"), get<std::string>("log.trace_file")};
  }

  const SettingValues& values_;
  std::vector<std::string>& problems_;
};

template <class Settings>
std::pair<Settings, std::vector<std::string>> build(Node node, const SettingSources& sources) {
  MergedSettings merged = merge_settings(node, sources);
  // A value with a problem is absent; checking how the rest fits would only report consequences.
  if (!merged.problems.empty()) return {Settings{}, std::move(merged.problems)};
  Builder builder(merged.values, merged.problems);
  if constexpr (std::is_same_v<Settings, EdgeSettings>) {
    return {builder.edge(), std::move(merged.problems)};
  } else {
    return {builder.cloud(), std::move(merged.problems)};
  }
}

template <class Settings>
Outcome<Settings> load(Node node, const SettingSources& sources) {
  auto [settings, problems] = build<Settings>(node, sources);
  if (problems.empty()) return std::move(settings);
  std::string message = problems.front();
  if (problems.size() > 1) {
    message += " (and " + std::to_string(problems.size() - 1) + " more)";
  }
  return misused(std::move(message));
}

}  // namespace

std::string_view name_of(GenerationMode mode) {
  switch (mode) {
    case GenerationMode::full:
      return "full";
    case GenerationMode::standalone:
      return "standalone";
    case GenerationMode::collaborative:
      return "collaborative";
    case GenerationMode::cloud_only:
      return "cloud-only";
  }
  return "";
}

std::optional<policy::Mode> policy_mode(GenerationMode mode) {
  switch (mode) {
    case GenerationMode::full:
      return std::nullopt;
    case GenerationMode::standalone:
      return policy::Mode::standalone;
    case GenerationMode::collaborative:
      return policy::Mode::collaborative;
    case GenerationMode::cloud_only:
      return policy::Mode::cloud_only;
  }
  return std::nullopt;
}

Outcome<EdgeSettings> load_edge_settings(const SettingSources& sources) {
  return load<EdgeSettings>(Node::edge, sources);
}

Outcome<CloudSettings> load_cloud_settings(const SettingSources& sources) {
  return load<CloudSettings>(Node::cloud, sources);
}

std::vector<std::string> find_setting_problems(Node node, const SettingSources& sources) {
  return node == Node::edge ? build<EdgeSettings>(node, sources).second
                            : build<CloudSettings>(node, sources).second;
}

}  // namespace cecollm::apps
