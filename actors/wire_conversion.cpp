#include "actors/wire_conversion.hpp"

namespace cecollm::actors {

transport::Sampling to_wire(const model::SamplingParams& params) {
  transport::Sampling wire;
  wire.temperature = params.temperature;
  wire.top_k = params.top_k;
  wire.top_p = params.top_p;
  wire.min_p = params.min_p;
  wire.repetition_penalty = params.repetition_penalty;
  wire.presence_penalty = params.presence_penalty;
  wire.frequency_penalty = params.frequency_penalty;
  wire.seed = params.seed;
  wire.top_logprobs = params.top_logprobs;
  for (const auto& [token, bias] : params.logit_bias) wire.logit_bias.push_back({token, bias});
  return wire;
}

model::SamplingParams from_wire(const transport::Sampling& wire) {
  model::SamplingParams params;
  params.temperature = wire.temperature;
  params.top_k = wire.top_k;
  params.top_p = wire.top_p;
  params.min_p = wire.min_p;
  params.repetition_penalty = wire.repetition_penalty;
  params.presence_penalty = wire.presence_penalty;
  params.frequency_penalty = wire.frequency_penalty;
  params.seed = wire.seed;
  params.top_logprobs = wire.top_logprobs;
  for (const auto& [token, bias] : wire.logit_bias) params.logit_bias.push_back({token, bias});
  return params;
}

std::vector<transport::Logprob> to_wire(const std::vector<model::TokenLogprob>& top) {
  std::vector<transport::Logprob> wire;
  wire.reserve(top.size());
  for (const auto& [token, logprob] : top) wire.push_back({token, logprob});
  return wire;
}

}  // namespace cecollm::actors
