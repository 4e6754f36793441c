// Wire bytes to domain messages.

#include <string>
#include <utility>

#include "wire.pb.h"

#include "transport/codec.hpp"
#include "transport/envelope.hpp"
#include "transport/row_batch_codec.hpp"
#include "transport/utf8.hpp"

namespace cecollm::transport {

namespace {

auto malformed(std::string why) {
  return fail(ErrorCode::malformed, std::move(why));
}

/// Collects the first limit that a message breaks.
class Limits {
 public:
  explicit Limits(const char* message) : message_(message) {}
  template <class Number>
  void at_most(const char* field, Number value, Number limit) {
    if (value > limit && broken_.empty()) {
      broken_ = std::string(message_) + "." + field + " is " + std::to_string(value) +
                ", more than " + std::to_string(limit);
    }
  }
  void position(const char* field, std::uint64_t value) {
    at_most<std::uint64_t>(field, value, wire_limits::position - 1);
  }
  void count(const char* field, int count, std::size_t limit) {
    at_most<std::size_t>(field, static_cast<std::size_t>(count), limit);
  }
  void text(const char* field, const std::string& value, std::size_t limit) {
    at_most(field, value.size(), limit);
    if (broken_.empty() && !is_valid_utf8(value)) {
      broken_ = std::string(message_) + "." + field + " is not UTF-8";
    }
  }
  void not_negative(const char* field, std::int64_t value) {
    if (value < 0 && broken_.empty()) {
      broken_ = std::string(message_) + "." + field + " is negative";
    }
  }
  template <class Repeated>
  void ids(const char* field, const Repeated& values, std::size_t limit) {
    count(field, values.size(), limit);
    for (const auto value : values) {
      not_negative(field, value);
    }
  }
  template <class T>
  Result<T> checked(T message) const {
    if (!broken_.empty()) {
      return malformed(broken_);
    }
    return message;
  }

 private:
  const char* message_;
  std::string broken_;
};

template <class Repeated>
std::vector<std::int32_t> to_vector(const Repeated& values) {
  return {values.begin(), values.end()};
}

Result<Message> read(const wire::Hello& from) {
  Limits limits("hello");
  const auto& model = from.model();
  limits.text("software", from.software(), wire_limits::name_bytes);
  limits.text("row_dtype", from.row_dtype(), wire_limits::name_bytes);
  for (const auto* digest : {&model.config(), &model.shared(), &model.whole()}) {
    limits.text("model", *digest, wire_limits::digest_bytes);
  }
  limits.ids("exit_layers", model.exit_layers(), wire_limits::exit_layers);
  limits.not_negative("hidden_size", from.hidden_size());
  return limits.checked<Message>(Hello{
      from.version_min(), from.version_max(), from.software(), from.instance(),
      ModelDigests{model.config(), model.shared(), model.whole(), to_vector(model.exit_layers())},
      from.row_dtype(), from.hidden_size()});
}

Result<Message> read(const wire::Welcome& from) {
  Limits limits("welcome");
  limits.text("software", from.software(), wire_limits::name_bytes);
  return limits.checked<Message>(Welcome{from.version(), from.software(), from.max_frame_bytes(),
                                         from.max_contexts(), from.max_positions(),
                                         from.heartbeat_ms(), from.cloud_only(), from.resumes()});
}

Sampling read_sampling(const wire::Sampling& from, Limits& limits) {
  limits.not_negative("top_k", from.top_k());
  limits.not_negative("top_logprobs", from.top_logprobs());
  limits.count("top_logprobs", from.top_logprobs(), wire_limits::alternatives);
  limits.count("logit_bias", from.logit_bias_size(), wire_limits::logit_biases);
  std::vector<LogitBias> biases;
  for (const auto& bias : from.logit_bias()) {
    limits.not_negative("logit_bias", bias.token());
    biases.push_back({bias.token(), bias.bias()});
  }
  return {from.temperature(),
          from.top_k(),
          from.has_top_p() ? from.top_p() : 1.0F,
          from.min_p(),
          from.has_repetition_penalty() ? from.repetition_penalty() : 1.0F,
          from.presence_penalty(),
          from.frequency_penalty(),
          from.seed(),
          from.top_logprobs(),
          std::move(biases)};
}

Result<Message> read(const wire::OpenContext& from) {
  Limits limits("open_context");
  limits.ids("prompt", from.prompt(), wire_limits::ids);
  limits.position("rows", from.rows());
  auto sampling = read_sampling(from.sampling(), limits);
  OpenContext open{from.context(), from.epoch(), sampling, to_vector(from.prompt()), {}};
  if (from.has_rows()) {
    open.rows = from.rows();
  }
  return limits.checked<Message>(std::move(open));
}

Result<Message> read(const wire::RowsHeld& from) {
  Limits limits("rows_held");
  limits.position("next_sequence", from.next_sequence());
  return limits.checked<Message>(RowsHeld{from.context(), from.epoch(), from.next_sequence()});
}

Result<Message> read(const wire::Ask& from) {
  Limits limits("ask");
  limits.position("position", from.position());
  limits.ids("emitted", from.emitted(), wire_limits::ids);
  return limits.checked<Message>(Ask{from.context(), from.epoch(), from.position(),
                                     from.remaining_ms(), to_vector(from.emitted())});
}

template <class From>
std::vector<Logprob> read_alternatives(const From& from, Limits& limits) {
  limits.count("top", from.top_size(), wire_limits::alternatives);
  std::vector<Logprob> alternatives;
  for (const auto& logprob : from.top()) {
    limits.not_negative("top.token", logprob.token());
    alternatives.push_back({logprob.token(), logprob.logprob()});
  }
  return alternatives;
}

Result<Message> read(const wire::Reply& from) {
  Limits limits("reply");
  limits.position("position", from.position());
  limits.position("next_sequence", from.next_sequence());
  limits.not_negative("token", from.token());
  auto top = read_alternatives(from, limits);
  return limits.checked<Message>(Reply{from.context(), from.epoch(), from.position(), from.token(),
                                       from.confidence(), from.logprob(), std::move(top),
                                       from.queue_us(), from.compute_us(), from.next_sequence()});
}

Result<Message> read(const wire::CloseContext& from) {
  return CloseContext{from.context(), from.epoch()};
}

Result<Message> read(const wire::Generate& from) {
  Limits limits("generate");
  limits.ids("prompt", from.prompt(), wire_limits::ids);
  auto sampling = read_sampling(from.sampling(), limits);
  return limits.checked<Message>(Generate{from.context(), from.epoch(), sampling,
                                          to_vector(from.prompt()), from.max_tokens(),
                                          from.ignore_eos()});
}

Result<Message> read(const wire::Generated& from) {
  Limits limits("generated");
  limits.not_negative("token", from.token());
  auto top = read_alternatives(from, limits);
  return limits.checked<Message>(Generated{from.context(), from.epoch(), from.index(), from.token(),
                                           from.confidence(), from.logprob(), std::move(top),
                                           from.compute_us(), from.last()});
}

Result<Message> read(const wire::Ping& from) {
  return Ping{from.nonce()};
}
Result<Message> read(const wire::Pong& from) {
  return Pong{from.nonce()};
}

Result<Message> read(const wire::Fault& from) {
  Limits limits("fault");
  limits.text("message", from.message(), wire_limits::sentence_bytes);
  limits.position("next_sequence", from.next_sequence());
  Fault fault;
  // A code of a newer version is still a fault.
  fault.code = wire::FaultCode_IsValid(from.code()) ? static_cast<FaultCode>(from.code())
                                                    : FaultCode::unspecified;
  fault.message = from.message();
  if (from.has_context()) {
    fault.context = from.context();
  }
  fault.epoch = from.epoch();
  fault.retry_after_ms = from.retry_after_ms();
  fault.next_sequence = from.next_sequence();
  if (from.has_position()) {
    limits.position("position", from.position());
    fault.position = from.position();
  }
  return limits.checked<Message>(std::move(fault));
}

Result<Message> read(const wire::GoAway& from) {
  Limits limits("go_away");
  limits.text("reason", from.reason(), wire_limits::sentence_bytes);
  return limits.checked<Message>(GoAway{from.reason(), from.retry_after_ms()});
}

template <class Wire>
Result<Message> decode(std::span<const char> body, const char* name) {
  Wire message;
  if (!message.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return malformed(std::string(name) + " does not parse");
  }
  return read(message);
}

static_assert(static_cast<int>(last_envelope_field) == wire::Envelope::kGoAwayFieldNumber);

}  // namespace

Result<Message> decode_envelope(std::span<const char> bytes) {
  const auto part = open_envelope(bytes);
  if (!part) {
    return tl::unexpected(part.error());
  }
  const auto body = part->body;
  switch (part->field) {
    case EnvelopeField::hello:
      return decode<wire::Hello>(body, "hello");
    case EnvelopeField::welcome:
      return decode<wire::Welcome>(body, "welcome");
    case EnvelopeField::open_context:
      return decode<wire::OpenContext>(body, "open_context");
    case EnvelopeField::rows_held:
      return decode<wire::RowsHeld>(body, "rows_held");
    case EnvelopeField::row_batch:
      return decode_row_batch(body);
    case EnvelopeField::ask:
      return decode<wire::Ask>(body, "ask");
    case EnvelopeField::reply:
      return decode<wire::Reply>(body, "reply");
    case EnvelopeField::close_context:
      return decode<wire::CloseContext>(body, "close_context");
    case EnvelopeField::generate:
      return decode<wire::Generate>(body, "generate");
    case EnvelopeField::generated:
      return decode<wire::Generated>(body, "generated");
    case EnvelopeField::ping:
      return decode<wire::Ping>(body, "ping");
    case EnvelopeField::pong:
      return decode<wire::Pong>(body, "pong");
    case EnvelopeField::fault:
      return decode<wire::Fault>(body, "fault");
    case EnvelopeField::go_away:
      return decode<wire::GoAway>(body, "go_away");
  }
  return malformed("an envelope without a message that this version knows");
}

}  // namespace cecollm::transport
