#pragma once
// Reads the include lines of our own sources and holds them against the layers of the code
// (docs/architecture.md).

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cecollm::tests {

struct Include {
  std::string target;
  bool quoted = false;
  int line = 0;
  friend bool operator==(const Include&, const Include&) = default;
};

/// The include lines of one file; those in comments do not count.
std::vector<Include> scan_includes(std::string_view text);

/// Include lines by path from the repository's root, with '/'.
using SourceTree = std::map<std::string, std::vector<Include>>;

/// All .hpp and .cpp files below `root`, less build/ and hidden directories.
SourceTree scan_tree(const std::filesystem::path& root);

/// What breaks the layering: "policy/x.cpp:3: …", one sentence each.
std::vector<std::string> layering_violations(const SourceTree& tree);

}  // namespace cecollm::tests
