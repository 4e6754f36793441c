#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "transport/messages.hpp"

namespace cecollm::transport {

/// "unknown_context", …: for logs and metric labels.
std::string_view name_of(FaultCode code);
/// All names in the order of the enum, so that a code is an index into them.
std::vector<std::string> fault_code_names();

}  // namespace cecollm::transport
