#pragma once
// The seam between actors and numerics: a loaded part of a model as a chain of stages, run in
// batches over many sessions. No libtorch type appears here, so tests can put a fake in its place.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "model/config.hpp"
#include "model/error.hpp"
#include "model/partition.hpp"
#include "model/row_codec.hpp"
#include "model/sampling.hpp"

namespace cecollm::model {

/// One generation's state in an engine: KV of every stage, rows that later stages have not run yet
/// (pending rows), sampling parameters and history. Used by one thread at a time; it may outlive no
/// engine.
class Session {
 public:
  virtual ~Session() = default;
  /// Positions appended so far.
  virtual std::int64_t length() const = 0;
  /// Positions that `stage` has computed; length() less its pending rows.
  virtual std::int64_t stage_length(std::size_t stage) const = 0;
  /// Forgets every position from `length` on. Requires length <= this->length(). What heads said at
  /// the new last position is forgotten too unless their stage had got no further; the history that
  /// penalties look at stays.
  virtual void truncate(std::int64_t length) = 0;
  /// Goes on from the same positions as another generation: with this sampling, and with an empty
  /// history for its penalties. Fails, and changes nothing, where `sampling` is out of range.
  virtual Result<void> restart(const SamplingParams& sampling) = 0;
  /// Bytes held by KV caches / by pending rows.
  virtual std::int64_t kv_bytes() const = 0;
  virtual std::int64_t pending_bytes() const = 0;
};

/// One session's share of a pass. Input is appended first, then the stages in `read` are caught up
/// and their heads read at the last position.
struct Step {
  Session* session = nullptr;
  /// ids for a part that begins with the embedding, rows for one that begins at E1. Empty: nothing
  /// new. Of ids the first stage runs at once (its output is what the uplink waits for).
  std::variant<std::monostate, std::vector<TokenId>, Rows> input;
  /// Ids to add to the history that penalties look at.
  std::vector<TokenId> prompt_history;
  std::vector<TokenId> output_history;
  /// Stages whose heads to read, ascending. Every stage up to the highest is caught up.
  std::vector<std::size_t> read;
  /// Catch every stage up whatever is read: for work done ahead of a reading.
  bool catch_up = false;
  /// Run only the oldest `rows` of those that wait for `stage`, so that a long prompt need not go
  /// through a later stage at once. Comes alone: without input, and with nothing to read.
  struct Piece {
    std::size_t stage = 0;
    std::int64_t rows = 0;
  };
  std::optional<Piece> piece;
};

struct StepResult {
  /// The rows at E1 of the appended ids, encoded; count 0 where nothing was appended or no stage of
  /// the part ends at E1.
  Rows rows;
  /// One per entry of Step::read.
  std::vector<Reading> readings;
};

/// How one head scores one position of a teacher-forced text.
struct HeadScore {
  TokenId argmax = 0;
  float max_logit = 0.0F;
  float target_logit = 0.0F;
  float confidence = 0.0F;
  float target_logprob = 0.0F;
};

/// Thread-compatible: one call at a time. Owns the weights.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual const ModelConfig& config() const = 0;
  virtual const std::vector<Stage>& stages() const = 0;
  virtual const RowCodec& row_codec() const = 0;

  /// Fails where `sampling` is out of range.
  virtual Result<std::unique_ptr<Session>> open(const SamplingParams& sampling) = 0;

  /// Bytes of KV that a session of so many positions holds once every stage has caught up.
  virtual std::int64_t kv_bytes_at(std::int64_t positions) const = 0;

  /// One pass over `batch`; the sessions are distinct. Errors are per step and leave that step's
  /// session as it was: ids out of the vocabulary, more positions than the model has, rows that do
  /// not decode, a non-finite activation.
  virtual std::vector<Result<StepResult>> run(std::span<const Step> batch) = 0;

  /// Runs `ids` through every stage in one fresh pass. Result [ids.size()][stages()]: how the head
  /// of each stage scores position i for `targets[i]`, the token that followed. Stages without a
  /// head give a default HeadScore. Only for parts that begin with the embedding.
  virtual Result<std::vector<std::vector<HeadScore>>> score(std::span<const TokenId> ids,
                                                            std::span<const TokenId> targets) = 0;
};

}  // namespace cecollm::model
