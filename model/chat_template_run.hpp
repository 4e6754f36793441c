#pragma once
// What one rendering of a chat template may still do, and what went wrong with it. Internal to the
// chat template.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "model/chat_template.hpp"
#include "model/chat_value.hpp"

namespace cecollm::model {

/// The first failure sticks; after it everything gives undefined values and ends soon.
class TemplateRun {
 public:
  explicit TemplateRun(const TemplateLimits& limits) : limits_(limits) {}

  bool failed() const { return failure_.has_value(); }
  const std::optional<TemplateFailure>& failure() const { return failure_; }

  /// What is computed now stands in this line of the template.
  void at_line(int line) { line_ = line; }
  int line() const { return line_; }

  /// The messages do not fit the template. Returns an undefined value.
  ChatValue fail(std::string message) { return fail(TemplateFailure::Kind::failed, message); }
  /// The template calls raise_exception.
  ChatValue raise(std::string message) { return fail(TemplateFailure::Kind::raised, message); }
  /// The template uses something that is not implemented.
  ChatValue unsupported(const std::string& what) {
    return fail(TemplateFailure::Kind::unsupported, what + " is not supported");
  }

  /// One step of work. False where the template has had its share.
  bool step() {
    if (++steps_ <= limits_.steps) return !failed();
    return exceed("more than " + std::to_string(limits_.steps) + " steps");
  }
  /// Bytes that are about to be made or looked through. False where that is too many.
  bool bytes(std::size_t count) {
    if (count <= limits_.bytes - bytes_) {
      bytes_ += count;
      return !failed();
    }
    return exceed("more than " + std::to_string(limits_.bytes) + " bytes of text");
  }
  bool output(std::size_t length) {
    if (length <= limits_.output_bytes) return !failed();
    return exceed("more than " + std::to_string(limits_.output_bytes) + " bytes of output");
  }
  /// False where calls and expressions are nested too deeply; pair it with leave().
  bool enter() {
    if (++depth_ <= limits_.depth) return !failed();
    return exceed("calls more than " + std::to_string(limits_.depth) + " deep");
  }
  void leave() { --depth_; }

 private:
  ChatValue fail(TemplateFailure::Kind kind, std::string message) {
    if (!failure_) failure_ = TemplateFailure{kind, line_, std::move(message)};
    return {};
  }
  bool exceed(const std::string& what) {
    fail(TemplateFailure::Kind::too_large, "rendering takes " + what);
    return false;
  }

  TemplateLimits limits_;
  std::optional<TemplateFailure> failure_;
  int line_ = 0;
  std::int64_t steps_ = 0;
  std::size_t bytes_ = 0;
  int depth_ = 0;
};

}  // namespace cecollm::model
