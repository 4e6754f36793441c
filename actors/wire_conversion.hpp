#pragma once
// Between model values and the wire's values, which know nothing of each other.

#include "model/sampling.hpp"
#include "transport/messages.hpp"

namespace cecollm::actors {

transport::Sampling to_wire(const model::SamplingParams& params);
model::SamplingParams from_wire(const transport::Sampling& sampling);

std::vector<transport::Logprob> to_wire(const std::vector<model::TokenLogprob>& top);

/// The reading in a Reply or a Generated.
template <class WireReading>
model::Reading reading_of(const WireReading& message) {
  model::Reading reading;
  reading.token = message.token;
  reading.confidence = message.confidence;
  reading.logprob = message.logprob;
  reading.top.reserve(message.top.size());
  for (const auto& [token, logprob] : message.top) reading.top.push_back({token, logprob});
  return reading;
}

template <class WireReading>
void set_reading(WireReading& message, const model::Reading& reading) {
  message.token = reading.token;
  message.confidence = reading.confidence;
  message.logprob = reading.logprob;
  message.top = to_wire(reading.top);
}

}  // namespace cecollm::actors
