#include "apps/version.hpp"

namespace cecollm::apps {

std::string_view version() {
  return CECOLLM_VERSION;
}

}  // namespace cecollm::apps
