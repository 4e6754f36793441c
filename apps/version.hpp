#pragma once

#include <string_view>

namespace cecollm::apps {

/// "0.1.0", as in CMakeLists.txt.
std::string_view version();

}  // namespace cecollm::apps
