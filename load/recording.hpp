#pragma once
// What `cecollm record` saw a single process do with some prompts: every position's row, the exits'
// readings, and each token with its source. A virtual edge replays it without a model.
//
// The file, version 1; numbers are little-endian, docs/load.md says more:
//
//   8 bytes       "CECOLREC"
//   u32, u32      version, bytes of the header
//   header        JSON object: which model, cut, row dtype and thresholds
//   generations   u32 P, u32 T                            tokens of prompt and answer, both > 0
//                 P × i32                                 the prompt's ids
//                 T × { i32 id, i16 head, u8 E, u8 C,     head: 0-based exit, -1: the final head
//                       E × { i32 id, f32 confidence, u32 microseconds },  exits that were read
//                       C × i32 }                         ids as likely as `id`: see close_ids
//                 (P + T - 1) rows                        in the header's row dtype
//   end           u32 0, u32 how many generations there were
//
// A reader trusts none of it: every count is held against the model's bounds and the file's size.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/checkpoint.hpp"
#include "model/config.hpp"
#include "model/error.hpp"
#include "model/reference.hpp"
#include "model/row_codec.hpp"

namespace cecollm::load {

/// What the replies of a cloud that serves a recording depend on.
struct RecordedModel {
  model::ModelIdentity identity;
  int hidden_size = 0;
  int num_layers = 0;
  int vocab_size = 0;
  int max_positions = 0;
  std::vector<model::TokenId> eos;
  const model::RowCodec* codec = nullptr;  // of the rows; not null
  std::vector<float> thresholds;           // one an exit
};

/// As much of a configuration as an edge without layers needs.
model::ModelConfig config_of(const RecordedModel& model);

struct RecordedReading {
  model::TokenId token = 0;
  float confidence = 0.0F;
  std::chrono::microseconds time{0};  // that the layers up to this exit took for this position
};

struct RecordedToken {
  model::TokenId id = 0;
  int head = model::final_head;        // that gave it; final_head: the cloud is asked
  std::vector<RecordedReading> exits;  // those that the edge reads on its way
  /// Of the final head: other ids whose logit is within the audit's tolerance of the largest. A
  /// cloud may well answer one of them.
  std::vector<model::TokenId> close_ids;
};

struct RecordedGeneration {
  std::vector<model::TokenId> prompt;
  std::vector<RecordedToken> tokens;
  std::span<const std::byte> rows;  // of every position but the last token's
};

/// Immutable. The generations differ in their prompts.
class Recording {
 public:
  /// Checks `generations` as a reader does; the error says what is wrong. `owner` keeps their rows.
  static model::Result<Recording> of(RecordedModel model,
                                     std::vector<RecordedGeneration> generations,
                                     std::shared_ptr<const void> owner);

  const RecordedModel& model() const { return model_; }
  const std::vector<RecordedGeneration>& generations() const { return generations_; }
  /// The generation of this prompt, or null.
  const RecordedGeneration* find(const std::vector<model::TokenId>& prompt) const;
  /// The encoded rows of positions [first, first + count) of one generation.
  model::Rows rows_of(const RecordedGeneration& generation, std::size_t first,
                      std::size_t count) const;

 private:
  RecordedModel model_;
  std::vector<RecordedGeneration> generations_;
  std::map<std::vector<model::TokenId>, std::size_t> by_prompt_;
  std::shared_ptr<const void> owner_;
};

}  // namespace cecollm::load
