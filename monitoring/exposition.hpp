#pragma once
// Metrics in the text that Prometheus reads.

#include <string>
#include <string_view>

#include <prometheus/collectable.h>

namespace cecollm::monitoring {

/// The media type of expose()'s text.
inline constexpr std::string_view exposition_content_type = "text/plain; version=0.0.4";

/// Everything in `registry`, as it is now. Any thread.
std::string expose(const prometheus::Collectable& registry);

}  // namespace cecollm::monitoring
