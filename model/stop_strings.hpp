#pragma once
// Stop strings across token borders: text is held back while it may be the beginning of one.

#include <string>
#include <string_view>
#include <vector>

namespace cecollm::model {

/// A value without I/O; one per generation.
class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> stops);

  struct Output {
    std::string text;      // safe to show
    bool stopped = false;  // a stop string was completed; it and what follows are withheld
  };
  /// After `stopped` every further push gives nothing.
  Output push(std::string_view text);
  /// The text still held back at the end of the generation.
  std::string flush();

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace cecollm::model
