#include "monitoring/exposition.hpp"

#include <prometheus/text_serializer.h>

namespace cecollm::monitoring {

std::string expose(const prometheus::Collectable& registry) {
  return prometheus::TextSerializer().Serialize(registry.Collect());
}

}  // namespace cecollm::monitoring
