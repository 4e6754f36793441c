#pragma once
// What a node's metrics endpoint says: one small HTTP request.

#include <string>

#include "apps/failure.hpp"
#include "transport/endpoint.hpp"

namespace cecollm::apps {

/// GET /metrics; blocks for some seconds at most, and takes 16 MiB at most.
Outcome<std::string> fetch_metrics(const transport::Endpoint& endpoint);

}  // namespace cecollm::apps
