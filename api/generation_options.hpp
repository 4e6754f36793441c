#pragma once
// The part of a request that completions and chat share: how to generate, and how to answer.

#include <cstdint>

#include "actors/generation_types.hpp"
#include "api/json_fields.hpp"
#include "api/served_model.hpp"

namespace cecollm::api {

struct GenerationOptions {
  /// Complete but for its prompt.
  actors::GenerationRequest generation;
  std::size_t n = 1;  // generations a prompt; the j-th has the seed of the first plus j
  bool stream = false;
  bool include_usage = false;  // of a stream
  bool logprobs = false;       // of each token, and generation.sampling.top_logprobs alternatives
  bool extended = false;       // the request has the key `cecollm`, so the response has it too
};

/// Reads model, n, stream, stream_options, stop, seed, temperature, top_p, top_k, min_p, penalties,
/// ignore_eos, logit_bias and cecollm. What the request leaves out is as in `defaults`; a request
/// that samples without a seed gets `fresh_seed`.
Result<GenerationOptions> read_generation_options(JsonFields& fields,
                                                  const actors::GenerationRequest& defaults,
                                                  const ServedModel& model,
                                                  std::uint64_t fresh_seed);

}  // namespace cecollm::api
