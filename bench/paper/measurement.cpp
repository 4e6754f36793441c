#include "bench/paper/measurement.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "bench/paper/full_model.hpp"

namespace cecollm::bench {
namespace {

using Ids = std::vector<model::TokenId>;
using Progress = std::function<void(const std::string&)>;

class Experiment {
 public:
  Experiment(Testbed& testbed, const Workload& workload, const MeasurementSetting& setting,
             Progress progress)
      : testbed_(testbed), workload_(workload), setting_(setting), progress_(std::move(progress)) {}

  apps::Outcome<Measurement> run() {
    if (setting_.judge) {
      auto full = FullModel::load(testbed_.settings().model);
      if (!full) return tl::unexpected(full.error());
      full_.emplace(*std::move(full));
    }
    if (auto done = warm_up(); !done) return tl::unexpected(done.error());
    for (int repetition = 0; repetition < setting_.repetitions; ++repetition) {
      if (auto done = repeat(repetition); !done) return tl::unexpected(done.error());
    }
    if (full_) {
      if (auto done = ask_questions(); !done) return tl::unexpected(done.error());
    }
    return std::move(measured_);
  }

 private:
  ResponseLimits prompt_limits() const { return {setting_.max_tokens, true}; }
  ResponseLimits question_limits() const { return {setting_.max_answer_tokens, false}; }

  std::string text_of(const Ids& ids) const {
    return testbed_.tokenizer() == nullptr ? std::string()
                                           : testbed_.tokenizer()->decode(ids, true);
  }

  /// Every mode once, so that nobody pays for pages and caches that are cold.
  apps::Outcome<void> warm_up() {
    for (const auto& mode : setting_.modes) {
      const auto response = testbed_.respond(mode, workload_.prompts.front(), prompt_limits());
      if (!response) return tl::unexpected(response.error());
    }
    return {};
  }

  apps::Outcome<void> repeat(int repetition) {
    for (std::size_t prompt = 0; prompt < workload_.prompts.size(); ++prompt) {
      // Another mode begins each time: none has the same place after the same neighbour throughout.
      const auto first = prompt + static_cast<std::size_t>(repetition);
      for (std::size_t i = 0; i < setting_.modes.size(); ++i) {
        const auto mode = (first + i) % setting_.modes.size();
        if (auto done = time_response(mode, prompt, repetition); !done) return done;
      }
      progress_("repetition " + std::to_string(repetition + 1) + "/" +
                std::to_string(setting_.repetitions) + ", prompt " + std::to_string(prompt + 1) +
                "/" + std::to_string(workload_.prompts.size()));
    }
    return {};
  }

  apps::Outcome<void> time_response(std::size_t mode, std::size_t prompt, int repetition) {
    auto response =
        testbed_.respond(setting_.modes[mode], workload_.prompts[prompt], prompt_limits());
    if (!response) return tl::unexpected(response.error());
    Trial trial{mode, prompt, repetition, *std::move(response), {}, {}};
    if (full_ && repetition == 0) {
      if (auto done = judge(trial); !done) return done;
    }
    measured_.trials.push_back(std::move(trial));
    return {};
  }

  apps::Outcome<void> judge(Trial& trial) {
    const auto& prompt = workload_.prompts[trial.prompt];
    if (full_texts_.size() <= trial.prompt) {
      const auto written = full_->write(prompt, prompt_limits());
      if (!written) return tl::unexpected(written.error());
      full_texts_.push_back(text_of(*written));
    }
    const auto agreed = full_->agreeing(prompt, trial.response.tokens);
    if (!agreed) return tl::unexpected(agreed.error());
    trial.agreed = *agreed;
    if (testbed_.tokenizer() != nullptr) {
      trial.rouge = rouge_l(text_of(trial.response.tokens), full_texts_[trial.prompt]);
    }
    return {};
  }

  apps::Outcome<void> ask_questions() {
    const auto& questions = workload_.questions;
    std::int64_t full_right = 0;
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const auto full = full_->write(questions[i].prompt, question_limits());
      if (!full) return tl::unexpected(full.error());
      full_right += is_right(text_of(*full), questions[i].key, questions[i].kind) ? 1 : 0;
      for (std::size_t mode = 0; mode < setting_.modes.size(); ++mode) {
        if (auto done = answer(mode, i, *full); !done) return done;
      }
      if ((i + 1) % 20 == 0) {
        progress_("question " + std::to_string(i + 1) + "/" + std::to_string(questions.size()));
      }
    }
    if (!questions.empty()) {
      measured_.full_model_right =
          static_cast<double>(full_right) / static_cast<double>(questions.size());
    }
    return {};
  }

  apps::Outcome<void> answer(std::size_t mode, std::size_t number, const Ids& full) {
    const auto& question = workload_.questions[number];
    const auto response =
        testbed_.respond(setting_.modes[mode], question.prompt, question_limits());
    if (!response) return tl::unexpected(response.error());
    const auto agreed = full_->agreeing(question.prompt, response->tokens);
    if (!agreed) return tl::unexpected(agreed.error());
    measured_.answers.push_back({mode, number,
                                 is_right(text_of(response->tokens), question.key, question.kind),
                                 response->tokens == full, *agreed, std::ssize(response->tokens)});
    return {};
  }

  Testbed& testbed_;
  const Workload& workload_;
  const MeasurementSetting& setting_;
  Progress progress_;
  std::optional<FullModel> full_;
  std::vector<std::string> full_texts_;  // by prompt
  Measurement measured_;
};

}  // namespace

apps::Outcome<Measurement> measure(Testbed& testbed, const Workload& workload,
                                   const MeasurementSetting& setting,
                                   const std::function<void(const std::string&)>& progress) {
  return Experiment(testbed, workload, setting, progress).run();
}

}  // namespace cecollm::bench
