#include "actors/generation_types.hpp"

namespace cecollm::actors {

std::string_view name_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::end_of_text:
      return "stop";
    case FinishReason::stop_string:
      return "stop_string";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
    case FinishReason::failed:
      return "failed";
  }
  return "unknown";
}

}  // namespace cecollm::actors
