#pragma once
// One run of rows through packed layers, as each thread of a team goes through it.
// Internal to PackedExecutor but for the batch that it is given.

#include <cstdint>
#include <span>
#include <vector>

#include "model/packed_layer.hpp"
#include "model/thread_team.hpp"

namespace cecollm::model {

struct PackedShape {
  std::int64_t hidden_size = 0;  // d
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t ffn = 0;
  float eps = 0.0F;
};

/// Keys and values of one session in one layer, [positions, kv_heads, head_dim] each, with room for
/// the positions of the pass.
struct KvTable {
  float* keys = nullptr;
  float* values = nullptr;
};

/// A row of a pass: whose it is, and where in its text.
struct PackedRow {
  std::int64_t session = 0;
  std::int64_t position = 0;
};

struct PackedBatch {
  float* hidden = nullptr;  // [rows, d]; on return [kept, d], what the last layer gave
  /// Each session's consecutive and in the order of their positions.
  std::vector<PackedRow> rows;
  /// The rows, ascending, that are needed of the last layer; the others only leave their keys and
  /// values there.
  std::vector<std::int64_t> kept;
  std::int64_t sessions = 0;
  std::vector<const PackedLayer*> layers;  // at least one
  std::vector<std::int64_t> windows;       // of each layer; 0: all positions
  std::vector<KvTable> tables;             // [layers, sessions]
  /// Rotation factors by position, [positions, head_dim]; the sine carries the sign of rotate-half.
  const float* cosine = nullptr;
  const float* sine = nullptr;
};

/// Rows in working memory: [rows, width] with some space between them.
struct RowBuffer {
  float* data = nullptr;
  std::int64_t stride = 0;
  float* row(std::int64_t index) const { return data + index * stride; }
};

/// What a pass works in.
struct PassMemory {
  RowBuffer state;      // d
  RowBuffer normed;     // d
  RowBuffer qkv;        // (heads + 2 kv_heads) head_dim
  RowBuffer attention;  // heads head_dim
  RowBuffer gated;      // ffn
  struct Own {
    RowBuffer normed;         // d, few_rows of them
    float* scores = nullptr;  // heads times the most positions
    float* gate = nullptr;    // [most_rows_at_once, panel_outputs]
    float* up = nullptr;
  };
  std::vector<Own> own;  // a member's own
};

/// Up to so many rows, every member norms all of them for itself instead of waiting for the others.
inline constexpr std::int64_t few_rows = 4;
/// Rows that go through a matrix at a time: many enough that its weights are read seldom, few
/// enough that their values for a block of inputs stay in the second-level cache.
inline constexpr std::int64_t most_rows_at_once = 120;

/// The member's panels of y = x Wᵀ, or of y += x Wᵀ where `add`.
void multiply_share(const ThreadTeam::Member& member, const PackedLinear& linear,
                    const RowBuffer& x, std::int64_t rows, const RowBuffer& y, bool add);

/// x normed, for this member to read: by itself, or with the others' help in memory.normed.
RowBuffer norm_rows(const ThreadTeam::Member& member, const PassMemory& memory, const RowBuffer& x,
                    std::int64_t rows, std::span<const float> weight, float eps);

class PackedPass {
 public:
  /// memory.state holds the rows; on return its first rows are those of batch.kept.
  PackedPass(const PackedShape& shape, const PackedBatch& batch, const PassMemory& memory);
  /// To be called by all members of a team.
  void run(const ThreadTeam::Member& member) const;

 private:
  using Member = ThreadTeam::Member;

  /// Heads of keys begin .. end - 1 with their queries.
  struct Heads {
    std::int64_t begin, end;
  };

  const KvTable& table_of(std::size_t layer, std::int64_t row) const;
  /// Rotates a row's queries and keys, and writes its keys and values into the session's table.
  void prepare(std::size_t layer, std::int64_t row, Heads heads) const;
  /// Attention of `row` to memory.attention's row `target`.
  void attend(const Member& member, std::size_t layer, std::int64_t row, std::int64_t target,
              Heads heads) const;
  void attend_all(const Member& member, std::size_t layer,
                  std::span<const std::int64_t> rows) const;
  void feed_forward(const Member& member, const PackedLayer& layer, std::int64_t rows) const;

  const PackedShape& shape_;
  const PackedBatch& batch_;
  const PassMemory& memory_;
  std::int64_t group_;  // queries that share a head of keys
  std::vector<std::int64_t> all_rows_;
};

}  // namespace cecollm::model
