#pragma once
// What edge and cloud set up alike from their settings.

#include <memory>
#include <vector>

#include "apps/failure.hpp"
#include "apps/settings.hpp"
#include "policy/exit_decision.hpp"
#include "transport/connection_limits.hpp"
#include "transport/tls.hpp"

namespace cecollm::apps {

transport::ConnectionLimits connection_limits(const LinkSettings& settings);

/// Null where the link is insecure or there is none.
Outcome<std::shared_ptr<transport::TlsContext>> load_tls(transport::TlsRole role,
                                                         const LinkSettings& settings);

/// One threshold for each of `exits` exits.
Outcome<policy::ExitThresholds> thresholds_for(const std::vector<float>& given, std::size_t exits);

}  // namespace cecollm::apps
