#pragma once
// Certificates that are renewed while a node runs.

#include <filesystem>
#include <memory>
#include <vector>

#include "apps/reload_watch.hpp"
#include "monitoring/log.hpp"
#include "transport/tls.hpp"

namespace cecollm::apps {

/// Certificate, key and authority.
std::vector<std::filesystem::path> files_of(const transport::TlsContext& tls);

/// Reads the files of `tls` anew and logs what came of it: new connections use them, or, where they
/// cannot be used, the old ones go on.
ReloadWatch::Reload renewal_of(std::shared_ptr<transport::TlsContext> tls,
                               monitoring::Logger logger);

}  // namespace cecollm::apps
