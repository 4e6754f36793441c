#pragma once
// What an operator can set, as plain values: checked, with every "auto" resolved. The keys, their
// defaults and their ranges are in setting_keys.cpp; docs/configuration.md lists them.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/conversations.hpp"
#include "apps/failure.hpp"
#include "apps/setting_sources.hpp"
#include "model/config.hpp"
#include "model/sampling.hpp"
#include "model/torch_engine.hpp"
#include "policy/allow_list.hpp"
#include "policy/batch_plan.hpp"
#include "policy/budget.hpp"
#include "policy/mode_controller.hpp"
#include "transport/endpoint.hpp"
#include "transport/link_shape.hpp"
#include "transport/tls.hpp"

namespace cecollm::apps {

struct ModelSettings {
  std::filesystem::path directory;
  std::vector<int> exit_layers;  // empty: the checkpoint's own
  model::ComputeDType dtype = model::ComputeDType::automatic;
  model::WeightChoice weights = model::WeightChoice::stored;
  model::Device device;
  int threads = 0;  // of tensor operations; 0: libtorch's default
};

/// What both ends of the link set.
struct LinkSettings {
  std::optional<transport::Credentials> credentials;  // absent: insecure, or no link at all
  bool insecure = false;
  model::DType row_dtype = model::DType::f16;
  std::chrono::milliseconds heartbeat{0};        // silence after which a ping is due
  std::chrono::milliseconds silence_limit{0};    // silence after which the peer is gone
  std::chrono::milliseconds connect_timeout{0};  // name look-up, TCP and TLS together
  std::uint32_t max_frame_bytes = 0;
  std::uint64_t max_queue_bytes = 0;
};

struct MonitoringSettings {
  std::optional<transport::Endpoint> metrics_listen;  // absent: no exporter
  std::string log_level;             // a name that monitoring::log_level_from_name knows
  std::string log_format;            // a name that monitoring::log_format_from_name knows
  std::filesystem::path trace_file;  // of an edge; empty: none
};

struct ApiSettings {
  std::optional<transport::Endpoint> listen;  // absent: no API
  std::filesystem::path keys;                 // empty: nobody is asked for one
  std::size_t max_streams = 0;
  std::chrono::milliseconds drain_timeout{0};
};

enum class GenerationMode { full, standalone, collaborative, cloud_only };
std::string_view name_of(GenerationMode mode);
/// The policy's mode; none for `full`, which uses neither edge nor cloud.
std::optional<policy::Mode> policy_mode(GenerationMode mode);

struct GenerationSettings {
  GenerationMode mode = GenerationMode::standalone;
  /// As given, or the default; one value serves all exits. Empty in mode `full` where none was
  /// given: the plain model.
  std::vector<float> thresholds;
  int max_tokens = 0;
  std::chrono::milliseconds token_deadline{0};        // longest wait for the cloud's token
  std::chrono::milliseconds first_token_deadline{0};  // the same for the first ask
  bool ask_ahead = true;
  bool ignore_eos = false;
  std::vector<std::string> stop;
  model::SamplingParams sampling;
};

struct EdgeSettings {
  ModelSettings model;
  LinkSettings link;
  /// In order of preference; empty unless the mode is collaborative or cloud_only.
  std::vector<transport::Endpoint> clouds;
  std::size_t row_memory = 0;  // bytes
  policy::UploadBudgetSettings upload_budget;
  std::filesystem::path upload_budget_file;  // empty: a restart forgets what was sent
  std::optional<transport::LinkShape> emulated_link;
  /// Its preferred mode is generation.mode where that uses a cloud.
  policy::ModeSettings supervisor;
  bool adaptive = true;
  actors::ConversationLimits conversations;
  GenerationSettings generation;
  ApiSettings api;
  std::optional<transport::Endpoint> admin_listen;  // on loopback; absent: no admin surface
  MonitoringSettings monitoring;
};

struct ContextSettings {
  std::size_t max_total = 0;                  // over all connections
  std::size_t max_per_edge = 0;               // over one connection
  std::size_t max_per_identity = 0;           // over all of one certificate; 0: no bound
  std::uint64_t row_memory = 0;               // bytes
  std::uint64_t row_memory_per_identity = 0;  // bytes; 0: no bound
  std::uint64_t kv_memory = 0;                // bytes
  std::chrono::milliseconds idle_ttl{0};
  std::chrono::milliseconds disconnect_grace{0};
};

struct BatchSettings {
  policy::BatchLimits limits;
  std::size_t max_waiting = 0;  // asks
  bool run_ahead = true;
};

struct CloudSettings {
  ModelSettings model;
  LinkSettings link;
  policy::AllowList allowed;  // by the names in certificates
  transport::Endpoint listen;
  std::size_t max_connections = 0;
  bool serve_cloud_only = true;  // loads the shallow layers as well
  ContextSettings contexts;
  BatchSettings batch;
  ApiSettings api;                                  // of generations that the cloud computes alone
  std::optional<transport::Endpoint> admin_listen;  // on loopback; absent: no admin surface
  MonitoringSettings monitoring;
};

/// Merges the sources (flag > environment > file > default), checks each value and how they fit
/// together. The failure names the first problem, its place (FILE:LINE, flag or variable) and how
/// many more there are.
Outcome<EdgeSettings> load_edge_settings(const SettingSources& sources);
Outcome<CloudSettings> load_cloud_settings(const SettingSources& sources);

/// All problems of a node's settings, one sentence each; empty: it would start.
std::vector<std::string> find_setting_problems(Node node, const SettingSources& sources);

}  // namespace cecollm::apps
