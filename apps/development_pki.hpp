#pragma once
// Certificates for a trial on one machine: what deploy/pki/make-dev-pki.sh makes, from the copy of
// that script that is built into the program.

#include <filesystem>

#include "apps/failure.hpp"

namespace cecollm::apps {

/// Writes ca.pem, cloud.pem, cloud.key, edge.pem and edge.key into `directory`, which must exist.
Outcome<void> make_development_pki(const std::filesystem::path& directory);

}  // namespace cecollm::apps
