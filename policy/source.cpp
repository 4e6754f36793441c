#include "policy/source.hpp"

#include <numeric>

namespace cecollm::policy {

std::string name_of(const Source& source) {
  switch (source.kind) {
    case Source::Kind::exit:
      return "exit" + std::to_string(source.exit + 1);
    case Source::Kind::cloud:
      return "cloud";
    case Source::Kind::fallback:
      return "fallback";
    case Source::Kind::full:
      return "full";
  }
  return "unknown";
}

void SourceCounts::add(const Source& source) {
  switch (source.kind) {
    case Source::Kind::exit:
      if (source.exit >= exits_.size()) exits_.resize(source.exit + 1, 0);
      ++exits_[source.exit];
      return;
    case Source::Kind::cloud:
      ++cloud_;
      return;
    case Source::Kind::fallback:
      ++fallback_;
      return;
    case Source::Kind::full:
      ++full_;
      return;
  }
}

void SourceCounts::add(const SourceCounts& other) {
  if (other.exits_.size() > exits_.size()) exits_.resize(other.exits_.size(), 0);
  for (std::size_t exit = 0; exit < other.exits_.size(); ++exit) exits_[exit] += other.exits_[exit];
  cloud_ += other.cloud_;
  fallback_ += other.fallback_;
  full_ += other.full_;
}

std::int64_t SourceCounts::of_exit(std::size_t exit) const {
  return exit < exits_.size() ? exits_[exit] : 0;
}

std::int64_t SourceCounts::total() const {
  return std::accumulate(exits_.begin(), exits_.end(), cloud_ + fallback_ + full_);
}

}  // namespace cecollm::policy
