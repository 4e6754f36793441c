// Domain messages to wire bytes.

#include <type_traits>

#include "wire.pb.h"

#include "transport/codec.hpp"
#include "transport/row_batch_codec.hpp"
#include "transport/utf8.hpp"

namespace cecollm::transport {

namespace {

void write(const Hello& from, wire::Hello& to) {
  to.set_version_min(from.version_min);
  to.set_version_max(from.version_max);
  to.set_software(valid_utf8(from.software, wire_limits::name_bytes));
  to.set_instance(from.instance);
  auto& model = *to.mutable_model();
  model.set_config(valid_utf8(from.model.config, wire_limits::digest_bytes));
  model.set_shared(valid_utf8(from.model.shared, wire_limits::digest_bytes));
  model.set_whole(valid_utf8(from.model.whole, wire_limits::digest_bytes));
  model.mutable_exit_layers()->Assign(from.model.exit_layers.begin(), from.model.exit_layers.end());
  to.set_row_dtype(valid_utf8(from.row_dtype, wire_limits::name_bytes));
  to.set_hidden_size(from.hidden_size);
}

void write(const Welcome& from, wire::Welcome& to) {
  to.set_version(from.version);
  to.set_software(valid_utf8(from.software, wire_limits::name_bytes));
  to.set_max_frame_bytes(from.max_frame_bytes);
  to.set_max_contexts(from.max_contexts);
  to.set_max_positions(from.max_positions);
  to.set_heartbeat_ms(from.heartbeat_ms);
  to.set_cloud_only(from.cloud_only);
  to.set_resumes(from.resumes);
}

void write(const Sampling& from, wire::Sampling& to) {
  to.set_temperature(from.temperature);
  to.set_top_k(from.top_k);
  if (from.top_p != 1.0F) {
    to.set_top_p(from.top_p);
  }
  to.set_min_p(from.min_p);
  if (from.repetition_penalty != 1.0F) {
    to.set_repetition_penalty(from.repetition_penalty);
  }
  to.set_presence_penalty(from.presence_penalty);
  to.set_frequency_penalty(from.frequency_penalty);
  to.set_seed(from.seed);
  to.set_top_logprobs(from.top_logprobs);
  for (const auto& [token, bias] : from.logit_bias) {
    auto& added = *to.add_logit_bias();
    added.set_token(token);
    added.set_bias(bias);
  }
}

void write(const OpenContext& from, wire::OpenContext& to) {
  to.set_context(from.context);
  to.set_epoch(from.epoch);
  write(from.sampling, *to.mutable_sampling());
  to.mutable_prompt()->Assign(from.prompt.begin(), from.prompt.end());
  if (from.rows) {
    to.set_rows(*from.rows);
  }
}

void write(const RowsHeld& from, wire::RowsHeld& to) {
  to.set_context(from.context);
  to.set_epoch(from.epoch);
  to.set_next_sequence(from.next_sequence);
}

void write(const Ask& from, wire::Ask& to) {
  to.set_context(from.context);
  to.set_epoch(from.epoch);
  to.set_position(from.position);
  to.set_remaining_ms(from.remaining_ms);
  to.mutable_emitted()->Assign(from.emitted.begin(), from.emitted.end());
}

template <class To>
void write_alternatives(const std::vector<Logprob>& from, To& to) {
  for (const auto& logprob : from) {
    auto& added = *to.add_top();
    added.set_token(logprob.token);
    added.set_logprob(logprob.logprob);
  }
}

void write(const Reply& from, wire::Reply& to) {
  to.set_context(from.context);
  to.set_epoch(from.epoch);
  to.set_position(from.position);
  to.set_token(from.token);
  to.set_confidence(from.confidence);
  to.set_logprob(from.logprob);
  write_alternatives(from.top, to);
  to.set_queue_us(from.queue_us);
  to.set_compute_us(from.compute_us);
  to.set_next_sequence(from.next_sequence);
}

void write(const CloseContext& from, wire::CloseContext& to) {
  to.set_context(from.context);
  to.set_epoch(from.epoch);
}

void write(const Generate& from, wire::Generate& to) {
  to.set_context(from.context);
  to.set_epoch(from.epoch);
  write(from.sampling, *to.mutable_sampling());
  to.mutable_prompt()->Assign(from.prompt.begin(), from.prompt.end());
  to.set_max_tokens(from.max_tokens);
  to.set_ignore_eos(from.ignore_eos);
}

void write(const Generated& from, wire::Generated& to) {
  to.set_context(from.context);
  to.set_epoch(from.epoch);
  to.set_index(from.index);
  to.set_token(from.token);
  to.set_confidence(from.confidence);
  to.set_logprob(from.logprob);
  write_alternatives(from.top, to);
  to.set_compute_us(from.compute_us);
  to.set_last(from.last);
}

void write(const Ping& from, wire::Ping& to) {
  to.set_nonce(from.nonce);
}
void write(const Pong& from, wire::Pong& to) {
  to.set_nonce(from.nonce);
}

void write(const Fault& from, wire::Fault& to) {
  to.set_code(static_cast<wire::FaultCode>(from.code));
  to.set_message(valid_utf8(from.message, wire_limits::sentence_bytes));
  if (from.context) {
    to.set_context(*from.context);
  }
  to.set_epoch(from.epoch);
  to.set_retry_after_ms(from.retry_after_ms);
  to.set_next_sequence(from.next_sequence);
  if (from.position) {
    to.set_position(*from.position);
  }
}

void write(const GoAway& from, wire::GoAway& to) {
  to.set_reason(valid_utf8(from.reason, wire_limits::sentence_bytes));
  to.set_retry_after_ms(from.retry_after_ms);
}

void write(const Hello& from, wire::Envelope& to) {
  write(from, *to.mutable_hello());
}
void write(const Welcome& from, wire::Envelope& to) {
  write(from, *to.mutable_welcome());
}
void write(const OpenContext& from, wire::Envelope& to) {
  write(from, *to.mutable_open_context());
}
void write(const RowsHeld& from, wire::Envelope& to) {
  write(from, *to.mutable_rows_held());
}
void write(const Ask& from, wire::Envelope& to) {
  write(from, *to.mutable_ask());
}
void write(const Reply& from, wire::Envelope& to) {
  write(from, *to.mutable_reply());
}
void write(const CloseContext& from, wire::Envelope& to) {
  write(from, *to.mutable_close_context());
}
void write(const Generate& from, wire::Envelope& to) {
  write(from, *to.mutable_generate());
}
void write(const Generated& from, wire::Envelope& to) {
  write(from, *to.mutable_generated());
}
void write(const Ping& from, wire::Envelope& to) {
  write(from, *to.mutable_ping());
}
void write(const Pong& from, wire::Envelope& to) {
  write(from, *to.mutable_pong());
}
void write(const Fault& from, wire::Envelope& to) {
  write(from, *to.mutable_fault());
}
void write(const GoAway& from, wire::Envelope& to) {
  write(from, *to.mutable_go_away());
}

template <class T>
std::vector<char> encode(const T& message) {
  wire::Envelope envelope;
  write(message, envelope);
  const auto size = envelope.ByteSizeLong();
  std::vector<char> frame(frame_prefix_bytes + size);
  for (std::size_t i = 0; i < frame_prefix_bytes; ++i) {
    frame[i] = static_cast<char>(size >> (8 * (frame_prefix_bytes - 1 - i)));
  }
  envelope.SerializeWithCachedSizesToArray(
      reinterpret_cast<std::uint8_t*>(frame.data() + frame_prefix_bytes));
  return frame;
}

static_assert(static_cast<int>(FaultCode::internal) == wire::FAULT_INTERNAL &&
              static_cast<int>(FaultCode::internal) == wire::FaultCode_MAX);

}  // namespace

std::vector<char> encode_frame(const Message& message) {
  return std::visit(
      [](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, RowBatch>) {
          return encode_row_batch_frame(value);
        } else {
          return encode(value);
        }
      },
      message);
}

}  // namespace cecollm::transport
