#pragma once
// A cloud with the default model in this process, and the settings of an edge that reaches it over
// TLS on loopback. One compute thread a side. Failures end the process with a sentence.

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "apps/cloud_node.hpp"
#include "apps/scratch_directory.hpp"
#include "apps/setting_sources.hpp"

namespace cecollm::bench {

template <class T>
T need(apps::Outcome<T> outcome) {
  if (!outcome) {
    std::cerr << "benchmark: " << outcome.error().message << '\n';
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*outcome);
}

class LoopbackCloud {
 public:
  /// `row_dtype` as link.row_dtype.
  explicit LoopbackCloud(std::string row_dtype);
  /// Without link.cloud, as a standalone edge has them.
  apps::SettingSources edge_sources() const { return sources_of("edge"); }
  std::string address() const;

 private:
  apps::SettingSources sources_of(const std::string& role) const;

  std::string row_dtype_;
  apps::ScratchDirectory directory_;
  std::unique_ptr<apps::CloudNode> cloud_;
};

}  // namespace cecollm::bench
