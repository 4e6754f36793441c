#pragma once
// Stop strings across token borders: text is held back while it may be the beginning of one.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cecollm::model {

/// A value without I/O; one per generation. Linear in the text for a given set of stop strings.
/// Never holds back more than the longest of them.
class StopStrings {
 public:
  /// Empty strings are ignored.
  explicit StopStrings(std::vector<std::string> stops);

  struct Output {
    std::string text;      // safe to show
    bool stopped = false;  // a stop string was completed; it and what follows are withheld
  };
  /// The stop string that is completed first counts; of several completed by the same byte, the
  /// longest. Text of whole characters gives text of whole characters. After `stopped` every
  /// further push gives nothing.
  Output push(std::string_view text);
  /// The text still held back at the end of the generation.
  std::string flush();

 private:
  /// How much of one stop string the text so far ends with (Knuth, Morris and Pratt 1977).
  class Matcher {
   public:
    explicit Matcher(std::string stop);
    void advance(char byte);
    std::size_t matched() const { return matched_; }
    bool complete() const { return matched_ == stop_.size(); }

   private:
    std::string stop_;
    std::vector<std::size_t> borders_;  // longest proper prefix of stop_[0..i] that is its suffix
    std::size_t matched_ = 0;
  };

  std::vector<Matcher> matchers_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace cecollm::model
