#pragma once
// The paper's strawman: an edge whose cloud keeps nothing. It runs the layers before the cut with a
// KV cache of its own, and for every token sends all rows so far, in fp32, into a context that is
// closed once the token has come. No exit decides anything.

#include <memory>
#include <vector>

#include "actors/edge_handles.hpp"
#include "apps/engine_wrap.hpp"
#include "apps/failure.hpp"
#include "apps/settings.hpp"
#include "bench/paper/response.hpp"
#include "monitoring/metrics.hpp"

namespace cecollm::bench {

class NaiveEdge {
 public:
  /// Loads an edge part of its own and connects as `settings` say, over an emulated link of its own
  /// where there is one. `system` must outlive the object; blocks until the cloud is connected.
  static apps::Outcome<std::unique_ptr<NaiveEdge>> start(caf::actor_system& system,
                                                         const apps::EdgeSettings& settings,
                                                         const apps::EngineWrap& wrap);
  ~NaiveEdge();
  NaiveEdge(const NaiveEdge&) = delete;
  NaiveEdge& operator=(const NaiveEdge&) = delete;

  /// Fills in everything but what was computed, which meters know.
  apps::Outcome<Response> respond(const std::vector<model::TokenId>& prompt,
                                  const ResponseLimits& limits);

 private:
  struct Answer {
    model::TokenId token = 0;
    std::chrono::nanoseconds communication{0};
  };
  NaiveEdge(caf::actor_system& system, std::shared_ptr<model::Engine> engine);
  apps::Outcome<void> connect(const apps::EdgeSettings& settings,
                              const transport::ModelDigests& digests, std::string digest);
  apps::Outcome<Answer> ask(const model::Rows& rows, Response& response);

  caf::scoped_actor self_;
  std::shared_ptr<model::Engine> engine_;
  std::shared_ptr<prometheus::Registry> registry_;
  std::unique_ptr<monitoring::EdgeMetrics> metrics_;
  actors::cloud_link_actor link_;
  actors::GenerationId contexts_ = 0;  // opened so far
};

}  // namespace cecollm::bench
