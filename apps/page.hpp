#pragma once
// The page of an edge: a box to write in, and what the edge does meanwhile.

#include "http/message.hpp"

namespace cecollm::apps {

/// GET /, open to everybody: the page holds nothing of the edge, and asks for a key where the API
/// does.
http::Route page_route();

}  // namespace cecollm::apps
