#include "api/generation_options.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "policy/mode.hpp"

namespace cecollm::api {
namespace {

constexpr std::int64_t max_n = 128;
constexpr std::size_t max_stops = 16;
constexpr std::size_t max_stop_bytes = 1024;
constexpr std::int64_t max_deadline_ms = 600'000;

void read_sampling(JsonFields& fields, model::SamplingParams& sampling, std::uint64_t fresh_seed) {
  constexpr double most = 1e6;
  const auto real = [&](const char* name, double least, double limit, float& value) {
    if (const auto given = fields.number(name, least, limit)) value = static_cast<float>(*given);
  };
  real("temperature", 0.0, most, sampling.temperature);
  real("top_p", 0.0, 1.0, sampling.top_p);
  real("min_p", 0.0, 1.0, sampling.min_p);
  real("repetition_penalty", 0.0, most, sampling.repetition_penalty);
  real("presence_penalty", -2.0, 2.0, sampling.presence_penalty);
  real("frequency_penalty", -2.0, 2.0, sampling.frequency_penalty);
  // -1 is how others spell "off".
  if (const auto top_k = fields.integer("top_k", -1, std::numeric_limits<std::int32_t>::max())) {
    sampling.top_k = static_cast<int>(*top_k < 0 ? 0 : *top_k);
  }
  if (const auto seed = fields.integer("seed")) {
    sampling.seed = static_cast<std::uint64_t>(*seed);
  } else if (sampling.temperature > 0.0F) {
    sampling.seed = fresh_seed;
  }
  if (sampling.top_p == 0.0F) fields.refuse("top_p", "is to be above 0");
  if (sampling.repetition_penalty == 0.0F) {
    fields.refuse("repetition_penalty", "is to be above 0");
  }
}

/// Token ids as keys, which JSON has as strings only.
void read_logit_bias(JsonFields& fields, const ServedModel& model,
                     std::vector<model::LogitBias>& biases) {
  const auto* object = fields.object("logit_bias");
  if (object == nullptr) return;
  if (object->size() > model::max_logit_biases) {
    fields.refuse("logit_bias",
                  "has more than " + std::to_string(model::max_logit_biases) + " tokens");
    return;
  }
  for (const auto& [key, value] : object->items()) {
    model::TokenId token = -1;
    const auto end = key.data() + key.size();
    const auto read = std::from_chars(key.data(), end, token);
    if (read.ec != std::errc() || read.ptr != end || token < 0 || token >= model.vocabulary) {
      fields.refuse("logit_bias", "has the key '" + key.substr(0, 32) +
                                      "', and keys are token ids "
                                      "below " +
                                      std::to_string(model.vocabulary));
      return;
    }
    if (!value.is_number() || !(value.get<double>() >= -100.0 && value.get<double>() <= 100.0)) {
      fields.refuse("logit_bias", "is to hold numbers from -100 to 100");
      return;
    }
    biases.push_back({token, value.get<float>()});
  }
}

void read_stop(JsonFields& fields, std::vector<std::string>& stop) {
  auto given = fields.texts("stop", max_stops);
  if (!given) return;
  for (const auto& text : *given) {
    if (text.size() > max_stop_bytes) {
      fields.refuse("stop",
                    "has a string of more than " + std::to_string(max_stop_bytes) + " bytes");
    }
  }
  stop = std::move(*given);
}

std::string names_of(const std::vector<policy::Mode>& modes) {
  std::string names;
  for (const auto mode : modes) {
    if (!names.empty()) names += " or ";
    names += policy::name_of(mode);
  }
  return names;
}

void read_mode(JsonFields& extension, const ServedModel& model,
               actors::GenerationRequest& generation) {
  const auto name = extension.text("mode");
  if (name) {
    const auto mode = policy::mode_from_name(*name);
    if (!mode || std::ranges::find(model.modes, *mode) == model.modes.end()) {
      extension.refuse("mode", "is to be " + names_of(model.modes) + " here");
    } else {
      generation.mode = *mode;
    }
  }
  if (!extension.boolean("standalone_only").value_or(false)) return;
  if (std::ranges::find(model.modes, policy::Mode::standalone) == model.modes.end()) {
    extension.refuse("standalone_only", "is of no use here: this is the cloud");
  }
  if (name && generation.mode != policy::Mode::standalone) {
    extension.refuse("standalone_only", "excludes mode " + *name);
  }
  generation.mode = policy::Mode::standalone;
}

std::optional<Error> read_extension(const nlohmann::json& object, const ServedModel& model,
                                    actors::GenerationRequest& generation) {
  JsonFields extension(object, "cecollm.");
  read_mode(extension, model, generation);
  if (const auto given = extension.numbers("threshold", model.exit_layers.size())) {
    const std::vector<float> values(given->begin(), given->end());
    generation.thresholds = policy::spread_thresholds(values, model.exit_layers.size());
    if (generation.thresholds.values.empty()) {
      extension.refuse("threshold", "is to be one number, or one for each of " +
                                        std::to_string(model.exit_layers.size()) + " exits");
    }
  }
  if (const auto deadline = extension.integer("token_deadline_ms", 0, max_deadline_ms)) {
    generation.token_deadline = std::chrono::milliseconds(*deadline);
    generation.first_token_deadline = generation.token_deadline;
  }
  return extension.problem();
}

}  // namespace

Result<GenerationOptions> read_generation_options(JsonFields& fields,
                                                  const actors::GenerationRequest& defaults,
                                                  const ServedModel& model,
                                                  std::uint64_t fresh_seed) {
  GenerationOptions options;
  options.generation = defaults;
  if (const auto name = fields.text("model"); name && !name->empty() && *name != model.name) {
    return tl::unexpected(Error{404,
                                "there is no model '" + *name + "' here, only '" + model.name + "'",
                                "model", "model_not_found"});
  }
  options.n = static_cast<std::size_t>(fields.integer("n", 1, max_n).value_or(1));
  options.stream = fields.boolean("stream").value_or(false);
  if (const auto* stream_options = fields.object("stream_options")) {
    JsonFields inner(*stream_options, "stream_options.");
    options.include_usage = inner.boolean("include_usage").value_or(false);
    if (inner.problem()) return tl::unexpected(*inner.problem());
  }
  read_sampling(fields, options.generation.sampling, fresh_seed);
  read_logit_bias(fields, model, options.generation.sampling.logit_bias);
  read_stop(fields, options.generation.stop);
  options.generation.ignore_eos =
      fields.boolean("ignore_eos").value_or(options.generation.ignore_eos);
  if (const auto* extension = fields.object("cecollm")) {
    options.extended = true;
    if (auto problem = read_extension(*extension, model, options.generation)) {
      return tl::unexpected(std::move(*problem));
    }
  }
  if (fields.problem()) return tl::unexpected(*fields.problem());
  return options;
}

}  // namespace cecollm::api
