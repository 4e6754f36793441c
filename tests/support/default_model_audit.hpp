#pragma once
// Whether tokens of the default model are right for the sources they name (docs/parity.md).

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/audit.hpp"
#include "model/checkpoint.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::tests {

/// Greedy, fp32, one threshold for both exits.
inline void expect_audited(const std::vector<model::TokenId>& prompt,
                           const std::vector<model::AuditedToken>& emitted, float threshold) {
  const auto checkpoint = model::Checkpoint::open(CECOLLM_DEFAULT_MODEL);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  const auto whole = model::load_engine(*checkpoint, model::Part::whole,
                                        {model::ComputeDType::fp32, model::find_row_codec("fp32")});
  ASSERT_TRUE(whole) << whole.error().message;
  const std::vector<float> thresholds(2, threshold);
  const auto report = model::audit(**whole, prompt, emitted, thresholds);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->passed) << report->failures.front();
}

/// `source` as name_of() gives it.
inline int head_of(const std::string& source) {
  if (source == "cloud") return model::final_head;
  return source == "exit1" ? 0 : 1;
}

}  // namespace cecollm::tests
