#pragma once
// A deterministic engine without tensors. Every head's logits are a hash of the token ids so far,
// and rows carry these ids, so the parts of one fake model agree as the parts of a real one do:
// whole, edge and cloud give the same tokens for the same text. Keeps the contract of
// model/engine.hpp to the letter, so that a caller which breaks it fails here too.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "model/engine.hpp"

namespace cecollm::tests {

struct FakeModel {
  model::ModelConfig config;
  const model::RowCodec* codec = model::find_row_codec("fp32");
  std::uint64_t seed = 1;  // another seed is another model
};

/// 12 layers, exits after 3 and 6, 64 token ids, end of text 2, 512 positions, d = 16.
inline FakeModel fake_model() {
  FakeModel fake;
  fake.config.hidden_size = 16;
  fake.config.intermediate_size = 32;
  fake.config.num_layers = 12;
  fake.config.num_heads = 4;
  fake.config.num_kv_heads = 2;
  fake.config.head_dim = 4;
  fake.config.vocab_size = 64;
  fake.config.max_positions = 512;
  fake.config.sliding_window.assign(12, 0);
  fake.config.bos = 1;
  fake.config.eos = {2};
  fake.config.exits = model::EarlyExits{{3, 6}, model::ExitHeadKind::norm};
  return fake;
}

/// The mixing function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
inline std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

/// Logits of `head` after the text that hashes to `prefix`. One token stands out, by an amount that
/// makes confidences spread over (0, 1); in a third of all texts an exit prefers another token than
/// the final head.
inline std::vector<float> fake_logits(std::uint64_t prefix, const model::StageHead& head,
                                      const model::ModelConfig& config) {
  const bool exit = head.kind == model::StageHead::Kind::exit;
  const std::uint64_t own = mix(prefix ^ (exit ? 0x1000U + static_cast<unsigned>(head.exit) : 0U));
  std::vector<float> logits(static_cast<std::size_t>(config.vocab_size));
  for (std::size_t id = 0; id < logits.size(); ++id) {
    logits[id] = static_cast<float>(mix(own + id) % 1000) / 1000.0F;
  }
  const std::uint64_t favourite = exit && own % 3 == 0 ? own : mix(prefix);
  logits[favourite % logits.size()] += 1.5F + static_cast<float>(mix(own) % 9000) / 1000.0F;
  return logits;
}

inline std::int64_t fake_kv_position_bytes(const model::ModelConfig& config,
                                           const model::Stage& stage) {
  return (stage.layers.end - stage.layers.begin) * 2 * config.num_kv_heads * config.head_dim * 4;
}

class FakeSession final : public model::Session {
 public:
  FakeSession(const void* owner, const FakeModel& fake, std::vector<model::Stage> stages,
              const model::SamplingParams& sampling)
      : owner_(owner), fake_(fake), stages_(std::move(stages)), sampling_(sampling) {
    lengths_.assign(stages_.size(), 0);
    readable_.assign(stages_.size(), false);
  }

  std::int64_t length() const override { return static_cast<std::int64_t>(ids_.size()); }
  std::int64_t stage_length(std::size_t stage) const override { return lengths_[stage]; }
  void truncate(std::int64_t length) override {
    ids_.resize(static_cast<std::size_t>(length));
    for (std::size_t s = 0; s < lengths_.size(); ++s) {
      if (lengths_[s] > length) {
        lengths_[s] = length;
        readable_[s] = false;
      }
    }
  }
  model::Result<void> restart(const model::SamplingParams& sampling) override {
    if (const auto valid = model::validate(sampling); !valid) {
      return tl::unexpected(valid.error());
    }
    sampling_ = sampling;
    history_ = {};
    return {};
  }
  std::int64_t kv_bytes() const override {
    std::int64_t total = 0;
    for (std::size_t s = 0; s < lengths_.size(); ++s) {
      total += lengths_[s] * fake_kv_position_bytes(fake_.config, stages_[s]);
    }
    return total;
  }
  std::int64_t pending_bytes() const override {
    std::int64_t total = 0;
    for (const auto computed : lengths_) {
      total += (length() - computed) * fake_.config.hidden_size * 4;
    }
    return total;
  }

 private:
  friend class FakeEngine;
  const void* owner_;
  FakeModel fake_;
  std::vector<model::Stage> stages_;
  model::SamplingParams sampling_;
  model::TokenHistory history_;
  std::vector<model::TokenId> ids_;
  std::vector<std::int64_t> lengths_;
  std::vector<bool> readable_;
};

class FakeEngine final : public model::Engine {
 public:
  FakeEngine(FakeModel fake, model::Part part)
      : fake_(std::move(fake)), part_(part), stages_(model::stages_of(fake_.config, part)) {}

  /// Called at the start of every pass, in the thread that runs it: to count, to slow down.
  std::function<void(std::span<const model::Step>)> on_run;
  /// Asked once a step; an error makes that step fail and leaves its session as it was.
  std::function<std::optional<model::Error>(const model::Step&)> inject;

  const model::ModelConfig& config() const override { return fake_.config; }
  const std::vector<model::Stage>& stages() const override { return stages_; }
  const model::RowCodec& row_codec() const override { return *fake_.codec; }

  model::Result<std::unique_ptr<model::Session>> open(
      const model::SamplingParams& sampling) override {
    if (const auto valid = model::validate(sampling); !valid) {
      return tl::unexpected(valid.error());
    }
    return std::make_unique<FakeSession>(this, fake_, stages_, sampling);
  }

  std::int64_t kv_bytes_at(std::int64_t positions) const override {
    std::int64_t total = 0;
    for (const auto& stage : stages_) {
      total += positions * fake_kv_position_bytes(fake_.config, stage);
    }
    return total;
  }

  std::vector<model::Result<model::StepResult>> run(std::span<const model::Step> batch) override {
    if (on_run) on_run(batch);
    std::unordered_set<const model::Session*> seen;
    std::vector<model::Result<model::StepResult>> results;
    for (const auto& step : batch) {
      if (!seen.insert(step.session).second) {
        results.emplace_back(refuse(model::ErrorCode::mismatch, "two steps for one session"));
      } else {
        results.push_back(run_step(step));
      }
    }
    return results;
  }

  model::Result<std::vector<std::vector<model::HeadScore>>> score(
      std::span<const model::TokenId> ids, std::span<const model::TokenId> targets) override {
    if (part_ == model::Part::cloud) return refuse(model::ErrorCode::mismatch, "begins with rows");
    if (ids.size() != targets.size()) {
      return refuse(model::ErrorCode::mismatch, "ids and targets differ in number");
    }
    for (const auto list : {ids, targets}) {
      if (const auto checked = check_ids(list); !checked) return tl::unexpected(checked.error());
    }
    if (const auto fits = check_length(0, ids.size()); !fits) return tl::unexpected(fits.error());
    std::vector<std::vector<model::HeadScore>> result;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      auto& scores = result.emplace_back(stages_.size());
      for (std::size_t s = 0; s < stages_.size(); ++s) {
        if (stages_[s].head.kind == model::StageHead::Kind::none) continue;
        scores[s] = score_logits(fake_logits(hash(ids.first(i + 1)), stages_[s].head, config()),
                                 targets[i]);
      }
    }
    return result;
  }

 private:
  static tl::unexpected<model::Error> refuse(model::ErrorCode code, std::string message) {
    return model::fail(code, std::move(message));
  }

  std::uint64_t hash(std::span<const model::TokenId> ids) const {
    std::uint64_t state = mix(fake_.seed);
    for (const auto id : ids) state = mix(state ^ static_cast<std::uint64_t>(id));
    return state;
  }

  model::Result<void> check_ids(std::span<const model::TokenId> ids) const {
    for (const auto id : ids) {
      if (id < 0 || id >= config().vocab_size) {
        return refuse(model::ErrorCode::out_of_range, "token id " + std::to_string(id));
      }
    }
    return {};
  }

  model::Result<void> check_length(std::int64_t length, std::size_t added) const {
    if (length + static_cast<std::int64_t>(added) > config().max_positions) {
      return refuse(model::ErrorCode::out_of_range, "more positions than the model has");
    }
    return {};
  }

  /// A row holds its token id in base 64, which every codec represents exactly.
  model::Result<model::Rows> encode(std::span<const model::TokenId> ids) const {
    const auto d = static_cast<std::size_t>(config().hidden_size);
    std::vector<float> values(ids.size() * d, 0.5F);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      values[i * d] = static_cast<float>(ids[i] % 64);
      values[i * d + 1] = static_cast<float>(ids[i] / 64);
    }
    return fake_.codec->encode(values, config().hidden_size);
  }

  model::Result<std::vector<model::TokenId>> decode(const model::Rows& rows) const {
    const auto d = static_cast<std::size_t>(config().hidden_size);
    const std::size_t bytes = rows.bytes ? rows.bytes->size() : 0;
    const model::RowCodec& codec = rows.codec != nullptr ? *rows.codec : *fake_.codec;
    const std::size_t row_bytes = codec.row_bytes(config().hidden_size);
    if (rows.count < 0 || bytes != static_cast<std::size_t>(rows.count) * row_bytes) {
      return refuse(model::ErrorCode::mismatch, "row count and bytes disagree");
    }
    std::vector<model::TokenId> ids;
    if (rows.count == 0) return ids;
    std::vector<float> values(static_cast<std::size_t>(rows.count) * d);
    const auto done = codec.decode(*rows.bytes, config().hidden_size, values);
    if (!done) return tl::unexpected(done.error());
    for (std::size_t i = 0; i < values.size(); i += d) {
      ids.push_back(static_cast<model::TokenId>(values[i] + 64.0F * values[i + 1]));
    }
    if (const auto checked = check_ids(ids); !checked) return tl::unexpected(checked.error());
    return ids;
  }

  model::Result<std::vector<model::TokenId>> input_of(const model::Step& step) const {
    if (const auto* ids = std::get_if<std::vector<model::TokenId>>(&step.input)) {
      if (part_ == model::Part::cloud) {
        return refuse(model::ErrorCode::mismatch, "ids for a part that begins with rows");
      }
      if (const auto checked = check_ids(*ids); !checked) return tl::unexpected(checked.error());
      return *ids;
    }
    if (const auto* rows = std::get_if<model::Rows>(&step.input)) {
      if (part_ != model::Part::cloud) {
        return refuse(model::ErrorCode::mismatch, "rows for a part that begins with ids");
      }
      return decode(*rows);
    }
    return std::vector<model::TokenId>{};
  }

  model::Result<void> check_read(const model::Step& step) const {
    for (std::size_t i = 0; i < step.read.size(); ++i) {
      const auto stage = step.read[i];
      if (stage >= stages_.size() || stages_[stage].head.kind == model::StageHead::Kind::none ||
          (i > 0 && stage <= step.read[i - 1])) {
        return refuse(model::ErrorCode::out_of_range, "stage to read");
      }
    }
    return {};
  }

  /// Works on a copy of the session, which replaces it only if all went well.
  model::Result<model::StepResult> run_step(const model::Step& step) const {
    auto* session = dynamic_cast<FakeSession*>(step.session);
    if (session == nullptr || session->owner_ != this) {
      return refuse(model::ErrorCode::mismatch, "not a session of this engine");
    }
    if (inject) {
      if (auto error = inject(step)) return tl::unexpected(*std::move(error));
    }
    if (const auto checked = check_read(step); !checked) return tl::unexpected(checked.error());
    for (const auto* history : {&step.prompt_history, &step.output_history}) {
      if (const auto checked = check_ids(*history); !checked) {
        return tl::unexpected(checked.error());
      }
    }
    if (step.piece) return run_piece(*session, step);
    const auto added = input_of(step);
    if (!added) return tl::unexpected(added.error());
    if (const auto fits = check_length(session->length(), added->size()); !fits) {
      return tl::unexpected(fits.error());
    }

    FakeSession next = *session;
    next.ids_.insert(next.ids_.end(), added->begin(), added->end());
    next.history_.add_prompt(step.prompt_history);
    next.history_.add_output(step.output_history);
    model::StepResult result;
    if (config().exits && part_ != model::Part::cloud && !added->empty()) {
      auto rows = encode(*added);
      if (!rows) return tl::unexpected(rows.error());
      result.rows = *std::move(rows);
    }
    if (part_ != model::Part::cloud && !added->empty()) catch_up(next, 0);
    if (step.catch_up) {
      for (std::size_t s = 0; s < stages_.size(); ++s) catch_up(next, s);
    }
    if (!step.read.empty()) {
      if (next.ids_.empty()) {
        return refuse(model::ErrorCode::out_of_range, "a head read before the first position");
      }
      for (std::size_t s = 0; s <= step.read.back(); ++s) catch_up(next, s);
    }
    for (const auto stage : step.read) {
      if (!next.readable_[stage]) {
        return refuse(model::ErrorCode::out_of_range, "a position read after its truncation");
      }
      result.readings.push_back(
          model::read_logits(fake_logits(hash(next.ids_), stages_[stage].head, config()),
                             next.sampling_, next.history_, next.length()));
    }
    *session = std::move(next);
    return result;
  }

  model::Result<model::StepResult> run_piece(FakeSession& session, const model::Step& step) const {
    const auto& [stage, rows] = *step.piece;
    const bool alone =
        std::holds_alternative<std::monostate>(step.input) && step.read.empty() && !step.catch_up;
    if (!alone || stage >= stages_.size() || rows < 1 ||
        rows > session.length() - session.lengths_[stage]) {
      return refuse(model::ErrorCode::out_of_range, "a piece of rows that do not wait");
    }
    session.lengths_[stage] += rows;
    session.readable_[stage] = session.lengths_[stage] == session.length();
    return model::StepResult{};
  }

  static void catch_up(FakeSession& session, std::size_t stage) {
    if (session.lengths_[stage] == session.length()) return;
    session.lengths_[stage] = session.length();
    session.readable_[stage] = true;
  }

  static model::HeadScore score_logits(const std::vector<float>& logits, model::TokenId target) {
    const auto best = std::ranges::max_element(logits);
    const auto id = static_cast<model::TokenId>(best - logits.begin());
    const auto target_logit = logits[static_cast<std::size_t>(target)];
    // The reading of a greedy session gives the log-probability of its own token, the largest.
    const auto reading = model::read_logits(logits, {}, {}, 0);
    return {id, *best, target_logit, reading.confidence, reading.logprob + (target_logit - *best)};
  }

  FakeModel fake_;
  model::Part part_;
  std::vector<model::Stage> stages_;
};

}  // namespace cecollm::tests
