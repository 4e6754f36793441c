#pragma once
// What may stand between a node and its engines: a meter, say, that a benchmark reads.

#include <functional>
#include <memory>
#include <utility>

#include "model/engine.hpp"

namespace cecollm::apps {

/// Gets an engine before it first computes, gives what the node is to use in its place.
using EngineWrap = std::function<std::shared_ptr<model::Engine>(std::shared_ptr<model::Engine>)>;

/// `engine` itself where there is nothing to put around it.
inline std::shared_ptr<model::Engine> wrapped(std::shared_ptr<model::Engine> engine,
                                              const EngineWrap& wrap) {
  return wrap ? wrap(std::move(engine)) : engine;
}

}  // namespace cecollm::apps
