#include "transport/fault_names.hpp"

#include <array>

namespace cecollm::transport {
namespace {

constexpr std::array names{std::string_view("unspecified"),  std::string_view("version"),
                           std::string_view("model"),        std::string_view("unauthorized"),
                           std::string_view("protocol"),     std::string_view("unknown_context"),
                           std::string_view("sequence_gap"), std::string_view("stale_epoch"),
                           std::string_view("bad_row"),      std::string_view("limit"),
                           std::string_view("overloaded"),   std::string_view("late"),
                           std::string_view("not_served"),   std::string_view("internal")};
static_assert(names.size() == static_cast<std::size_t>(FaultCode::internal) + 1);

}  // namespace

std::string_view name_of(FaultCode code) {
  return names[static_cast<std::size_t>(code)];
}

std::vector<std::string> fault_code_names() {
  return {names.begin(), names.end()};
}

}  // namespace cecollm::transport
