#pragma once
// The experiment: every mode answers every prompt, in turn, again and again, so that whatever else
// the machine does falls on all of them alike; then every mode answers the questions.

#include <functional>
#include <string>
#include <vector>

#include "bench/paper/testbed.hpp"
#include "bench/paper/trial.hpp"
#include "bench/paper/workload.hpp"

namespace cecollm::bench {

struct MeasurementSetting {
  std::vector<Mode> modes;
  int repetitions = 1;
  std::int64_t max_tokens = 0;         // of a timed answer, which goes on past an end of text
  std::int64_t max_answer_tokens = 0;  // of a question's
  bool judge = true;                   // load the full model and judge the texts
};

/// `progress` hears a sentence now and then.
apps::Outcome<Measurement> measure(Testbed& testbed, const Workload& workload,
                                   const MeasurementSetting& setting,
                                   const std::function<void(const std::string&)>& progress);

}  // namespace cecollm::bench
