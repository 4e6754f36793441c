#pragma once
// Where a token was decided.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cecollm::policy {

struct Source {
  enum class Kind {
    exit,      // an early exit, sure enough or in standalone
    cloud,     // the cloud's deep layers
    fallback,  // the last exit, because the cloud was late, gone or too slow
    full,      // the plain model's final head, in one process
  } kind = Kind::exit;
  std::size_t exit = 0;  // 0-based, where kind is exit or fallback
  friend bool operator==(const Source&, const Source&) = default;
};

/// "exit1", "exit2", …, "cloud", "fallback", "full".
std::string name_of(const Source& source);

/// Tokens per source of one generation.
class SourceCounts {
 public:
  void add(const Source& source);
  void add(const SourceCounts& other);
  std::int64_t of_exit(std::size_t exit) const;
  std::int64_t cloud() const { return cloud_; }
  std::int64_t fallback() const { return fallback_; }
  std::int64_t full() const { return full_; }
  std::int64_t total() const;
  /// Exits with at least one token or below the highest that has one.
  std::size_t exits() const { return exits_.size(); }

 private:
  std::vector<std::int64_t> exits_;
  std::int64_t cloud_ = 0;
  std::int64_t fallback_ = 0;
  std::int64_t full_ = 0;
};

}  // namespace cecollm::policy
