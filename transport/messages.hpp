#pragma once
// What edge and cloud say to each other, as plain values. WIRE.md is the contract; codec.hpp turns
// these into bytes and back. Context ids are chosen by the edge and are unique within its instance.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace cecollm::transport {

/// The newest protocol this build speaks, and the oldest it still accepts.
inline constexpr std::uint32_t protocol_version = 1;
inline constexpr std::uint32_t oldest_protocol_version = 1;

struct ModelDigests {
  std::string config;  // SHA-256, hexadecimal
  std::string shared;
  std::string whole;  // may be empty
  std::vector<std::int32_t> exit_layers;
  friend bool operator==(const ModelDigests&, const ModelDigests&) = default;
};

/// First message of an edge.
struct Hello {
  std::uint32_t version_min = oldest_protocol_version;
  std::uint32_t version_max = protocol_version;
  std::string software;        // "cecollm 0.1.0"
  std::uint64_t instance = 0;  // random per edge process: separates context ids across restarts
  ModelDigests model;
  std::string row_dtype;  // "fp32", "fp16", "bf16"
  std::int32_t hidden_size = 0;
  friend bool operator==(const Hello&, const Hello&) = default;
};

/// The cloud's answer to a hello that it accepts.
struct Welcome {
  std::uint32_t version = protocol_version;
  std::string software;
  std::uint32_t max_frame_bytes = 0;
  std::uint32_t max_contexts = 0;  // per connection
  std::uint32_t max_positions = 0;
  std::uint32_t heartbeat_ms = 0;  // silence after which a ping of the edge is due
  bool cloud_only = false;         // Generate is served
  bool resumes = false;            // a context may be opened again for another generation
  friend bool operator==(const Welcome&, const Welcome&) = default;
};

struct LogitBias {
  std::int32_t token = 0;
  float bias = 0.0F;
  friend bool operator==(const LogitBias&, const LogitBias&) = default;
};

struct Sampling {
  float temperature = 0.0F;
  std::int32_t top_k = 0;
  float top_p = 1.0F;
  float min_p = 0.0F;
  float repetition_penalty = 1.0F;
  float presence_penalty = 0.0F;
  float frequency_penalty = 0.0F;
  std::uint64_t seed = 0;
  std::int32_t top_logprobs = 0;
  std::vector<LogitBias> logit_bias{};
  friend bool operator==(const Sampling&, const Sampling&) = default;
};

struct OpenContext {
  std::uint64_t context = 0;
  std::uint32_t epoch = 0;  // rises at every open of the same context
  Sampling sampling;
  std::vector<std::int32_t> prompt;   // ids, only where a penalty looks at them
  std::optional<std::uint64_t> rows;  // those that still hold, from the first; later ones are void
  friend bool operator==(const OpenContext&, const OpenContext&) = default;
};

/// How many rows the cloud holds of a context: answers an open, and acknowledges rows.
struct RowsHeld {
  std::uint64_t context = 0;
  std::uint32_t epoch = 0;
  std::uint64_t next_sequence = 0;
  friend bool operator==(const RowsHeld&, const RowsHeld&) = default;
};

/// Encoded rows first_sequence, first_sequence + 1, … (the position is the sequence number).
struct RowBatch {
  std::uint64_t context = 0;
  std::uint32_t epoch = 0;
  std::uint64_t first_sequence = 0;
  std::uint32_t count = 0;  // derived from the payload by the receiver's row size; not on the wire
  std::shared_ptr<const std::vector<std::byte>> payload;
  friend bool operator==(const RowBatch& a, const RowBatch& b) {
    return a.context == b.context && a.epoch == b.epoch && a.first_sequence == b.first_sequence &&
           (a.payload == b.payload || (a.payload && b.payload && *a.payload == *b.payload));
  }
};

struct Ask {
  std::uint64_t context = 0;
  std::uint32_t epoch = 0;
  std::uint64_t position = 0;         // of the wanted token; rows 0..position-1 were sent before
  std::uint32_t remaining_ms = 0;     // until the edge stops waiting; 0 is no limit
  std::vector<std::int32_t> emitted;  // output ids since the last ask, where a penalty needs them
  friend bool operator==(const Ask&, const Ask&) = default;
};

struct Logprob {
  std::int32_t token = 0;
  float logprob = 0.0F;
  friend bool operator==(const Logprob&, const Logprob&) = default;
};

struct Reply {
  std::uint64_t context = 0;
  std::uint32_t epoch = 0;
  std::uint64_t position = 0;
  std::int32_t token = 0;
  float confidence = 0.0F;
  float logprob = 0.0F;
  std::vector<Logprob> top;
  std::uint32_t queue_us = 0;       // from the ask's arrival to the start of its pass
  std::uint32_t compute_us = 0;     // the pass
  std::uint64_t next_sequence = 0;  // acknowledges rows
  friend bool operator==(const Reply&, const Reply&) = default;
};

struct CloseContext {
  std::uint64_t context = 0;
  std::uint32_t epoch = 0;
  friend bool operator==(const CloseContext&, const CloseContext&) = default;
};

/// Cloud-only: run the prompt and stream its continuation.
struct Generate {
  std::uint64_t context = 0;
  std::uint32_t epoch = 0;
  Sampling sampling;
  std::vector<std::int32_t> prompt;
  std::uint32_t max_tokens = 0;
  bool ignore_eos = false;
  friend bool operator==(const Generate&, const Generate&) = default;
};

/// One token of a Generate; `last` ends it.
struct Generated {
  std::uint64_t context = 0;
  std::uint32_t epoch = 0;
  std::uint32_t index = 0;
  std::int32_t token = 0;
  float confidence = 0.0F;
  float logprob = 0.0F;
  std::vector<Logprob> top;
  std::uint32_t compute_us = 0;
  bool last = false;
  friend bool operator==(const Generated&, const Generated&) = default;
};

struct Ping {
  std::uint64_t nonce = 0;
  friend bool operator==(const Ping&, const Ping&) = default;
};
struct Pong {
  std::uint64_t nonce = 0;
  friend bool operator==(const Pong&, const Pong&) = default;
};

enum class FaultCode {
  unspecified,
  version,          // no common protocol version
  model,            // another model, cut or codec
  unauthorized,     // this identity may not
  protocol,         // a message out of order or nonsense
  unknown_context,  // never opened, or dropped
  sequence_gap,     // rows are missing before these
  stale_epoch,      // an older epoch of this context
  bad_row,          // rows that do not decode
  limit,            // a stated limit was exceeded
  overloaded,       // try again later
  late,             // the deadline had passed
  not_served,       // cloud-only requests are refused here
  internal,         // the computation failed
};

/// A typed error. With a context it concerns that context only; without, the connection, which the
/// sender then closes.
struct Fault {
  FaultCode code = FaultCode::unspecified;
  std::string message;
  std::optional<std::uint64_t> context;
  std::uint32_t epoch = 0;
  std::uint32_t retry_after_ms = 0;
  std::uint64_t next_sequence = 0;        // with sequence_gap: where to go on
  std::optional<std::uint64_t> position;  // where it answers an ask: that ask's
  friend bool operator==(const Fault&, const Fault&) = default;
};

/// The sender is going away and takes no new contexts.
struct GoAway {
  std::string reason;
  std::uint32_t retry_after_ms = 0;
  friend bool operator==(const GoAway&, const GoAway&) = default;
};

using Message = std::variant<Hello, Welcome, OpenContext, RowsHeld, RowBatch, Ask, Reply,
                             CloseContext, Generate, Generated, Ping, Pong, Fault, GoAway>;

}  // namespace cecollm::transport
