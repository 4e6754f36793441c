#pragma once
// The exit rule (paper, section IV-B): emit where an exit is sure enough, else go deeper, else ask.

#include <cstddef>
#include <string_view>
#include <vector>

namespace cecollm::policy {

/// How sure an exit is. The only measure so far is the largest softmax probability; the type leaves
/// room for others (entropy, margin) without touching its users.
struct Confidence {
  float max_probability = 0.0F;
};

/// One threshold per early exit, in layer order. Never empty for a model with exits.
struct ExitThresholds {
  std::vector<float> values;
};

/// `given` spread over `exits` exits: one value serves all, else the counts must agree (empty
/// result where they do not).
ExitThresholds spread_thresholds(const std::vector<float>& given, std::size_t exits);

/// True if no confidence (a probability, so > 0) can fall below the first threshold: the cloud can
/// never be asked, so no context is opened and no row is sent.
bool never_asks(const ExitThresholds& thresholds);

enum class ExitVerdict {
  emit,      // this exit gives the token
  deeper,    // run the layers up to the next exit
  not_sure,  // the last exit is below its threshold: ask the cloud, or fall back
};

/// "emit", "deeper", "not_sure".
std::string_view name_of(ExitVerdict verdict);

/// `exit` is the 0-based index of the exit that was read.
ExitVerdict decide_exit(Confidence confidence, std::size_t exit, const ExitThresholds& thresholds);

}  // namespace cecollm::policy
