#pragma once
// Edge and cloud under measurement: the cloud is a process of its own, the edge this one; they talk
// TLS over loopback through the emulated link, and each side's engines carry a meter.

#include <memory>
#include <optional>
#include <vector>

#include "apps/child_process.hpp"
#include "apps/edge_node.hpp"
#include "apps/scratch_directory.hpp"
#include "apps/setting_sources.hpp"
#include "bench/paper/compute_meter.hpp"
#include "bench/paper/metered_engine.hpp"
#include "bench/paper/naive_edge.hpp"
#include "bench/paper/replayed_exits.hpp"
#include "bench/paper/response.hpp"

namespace cecollm::bench {

struct TestbedSetting {
  apps::SettingSources edge;         // without cloud and certificates: the testbed makes them
  double step_ms = 0;                // of a full-depth step; 0: as fast as the machine is
  std::optional<ExitReplay> replay;  // in place of confidence; with the edge's generation.seed
  bool run_ahead = false;            // as the cloud's batch.run_ahead
  bool with_naive = true;
};

class Testbed {
 public:
  /// Loads both sides and connects them; blocks.
  static apps::Outcome<std::unique_ptr<Testbed>> start(const TestbedSetting& setting);

  const apps::EdgeSettings& settings() const { return settings_; }
  const model::ModelConfig& config() const { return node_->config(); }
  const model::Tokenizer* tokenizer() const { return node_->tokenizer(); }

  /// Answers `prompt`; blocks until both sides are idle again.
  apps::Outcome<Response> respond(const Mode& mode, const std::vector<model::TokenId>& prompt,
                                  const ResponseLimits& limits);

 private:
  Testbed() = default;
  apps::Outcome<void> start_cloud(const TestbedSetting& setting);
  apps::Outcome<void> start_edge(const TestbedSetting& setting);
  apps::Outcome<Response> respond_by_node(const Mode& mode,
                                          const std::vector<model::TokenId>& prompt,
                                          const ResponseLimits& limits);
  void settle() const;

  apps::ScratchDirectory directory_;
  std::shared_ptr<ComputeMeter> edge_meter_;
  std::shared_ptr<ComputeMeter> cloud_meter_;
  std::optional<apps::ChildProcess> cloud_;
  std::string address_;
  apps::EdgeSettings settings_;
  std::unique_ptr<apps::EdgeNode> node_;
  std::unique_ptr<NaiveEdge> naive_;  // ends before the node
};

}  // namespace cecollm::bench
