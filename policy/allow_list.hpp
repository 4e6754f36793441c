#pragma once
// Which peers may connect, by the names in their certificates.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cecollm::policy {

class AllowList {
 public:
  /// Everybody.
  AllowList() = default;
  /// These and nobody else; nobody at all where there are none.
  explicit AllowList(const std::vector<std::string>& names)
      : names_(std::in_place, names.begin(), names.end()) {}

  /// Lets one more in.
  void add(std::string name) {
    if (names_) names_->insert(std::move(name));
  }

  /// The whole name, as it is written in the certificate.
  bool allows(std::string_view identity) const {
    return !names_ || names_->find(identity) != names_->end();
  }

 private:
  std::optional<std::set<std::string, std::less<>>> names_;
};

}  // namespace cecollm::policy
