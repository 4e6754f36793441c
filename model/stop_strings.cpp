#include "model/stop_strings.hpp"

#include <algorithm>
#include <utility>

namespace cecollm::model {

StopStrings::Matcher::Matcher(std::string stop) : stop_(std::move(stop)), borders_(stop_.size()) {
  std::size_t border = 0;
  for (std::size_t i = 1; i < stop_.size(); ++i) {
    while (border > 0 && stop_[i] != stop_[border]) border = borders_[border - 1];
    if (stop_[i] == stop_[border]) ++border;
    borders_[i] = border;
  }
}

void StopStrings::Matcher::advance(char byte) {
  while (matched_ > 0 && stop_[matched_] != byte) matched_ = borders_[matched_ - 1];
  if (stop_[matched_] == byte) ++matched_;
}

StopStrings::StopStrings(std::vector<std::string> stops) {
  for (std::string& stop : stops) {
    if (!stop.empty()) matchers_.emplace_back(std::move(stop));
  }
}

StopStrings::Output StopStrings::push(std::string_view text) {
  if (stopped_) return {};
  std::size_t withheld = 0;
  for (const char byte : text) {
    held_ += byte;
    for (Matcher& matcher : matchers_) {
      matcher.advance(byte);
      if (matcher.complete()) withheld = std::max(withheld, matcher.matched());
    }
    stopped_ = withheld > 0;
    if (stopped_) break;
  }
  if (!stopped_) {
    for (const Matcher& matcher : matchers_) withheld = std::max(withheld, matcher.matched());
  }
  Output output{held_.substr(0, held_.size() - withheld), stopped_};
  held_.erase(0, output.text.size());
  return output;
}

std::string StopStrings::flush() {
  return stopped_ ? std::string() : std::exchange(held_, {});
}

}  // namespace cecollm::model
