#include "apps/full_generation.hpp"

#include <optional>
#include <utility>

#include "apps/node_setup.hpp"
#include "apps/tokenizer_source.hpp"
#include "model/checkpoint.hpp"
#include "model/reference.hpp"
#include "model/stop_strings.hpp"
#include "model/tokenizer.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::apps {
namespace {

using Clock = std::chrono::steady_clock;
using policy::Source;

/// Empty: the plain model, where no threshold was given or the model has no exits.
Outcome<std::vector<float>> reference_thresholds(const EdgeSettings& settings,
                                                 const model::ModelConfig& config) {
  const auto& given = settings.generation.thresholds;
  if (given.empty() || !config.exits) return std::vector<float>{};
  auto thresholds = thresholds_for(given, config.exits->layers.size());
  if (!thresholds) return tl::unexpected(thresholds.error());
  return std::move(thresholds->values);
}

/// Turns the reference's tokens into a report, as a generation actor does with its own.
class Collector {
 public:
  /// `tokenizer` null: tokens have no text.
  Collector(const model::Tokenizer* tokenizer, std::vector<std::string> stops, bool plain,
            const TextSink& sink)
      : stops_(std::move(stops)), plain_(plain), sink_(sink) {
    if (tokenizer != nullptr) detokenizer_.emplace(*tokenizer, true);
  }

  bool add(const model::ReferenceToken& token) {
    const auto now = Clock::now();
    if (report_.tokens.empty()) report_.time_to_first_token = now - start_;
    const auto source = source_of(token);
    report_.counts.add(source);
    auto shown = stops_.push(detokenizer_ ? detokenizer_->push(token.id) : std::string());
    stopped_ = shown.stopped;
    report_.text += shown.text;
    report_.tokens.push_back({token.id, std::move(shown.text), name_of(source), token.confidence,
                              token.logprob, token.top});
    sink_(report_.tokens.back());
    return !stopped_;
  }

  GenerationReport finish(bool ended_by_eos) {
    report_.total = Clock::now() - start_;
    if (!stopped_ && detokenizer_) {
      auto rest = stops_.push(detokenizer_->flush());
      report_.text += rest.text + stops_.flush();
    }
    const auto reason = stopped_       ? actors::FinishReason::stop_string
                        : ended_by_eos ? actors::FinishReason::end_of_text
                                       : actors::FinishReason::length;
    report_.finish_reason = actors::name_of(reason);
    return std::move(report_);
  }

 private:
  Source source_of(const model::ReferenceToken& token) const {
    if (plain_) return {Source::Kind::full, 0};
    if (token.head == model::final_head) return {Source::Kind::cloud, 0};
    return {Source::Kind::exit, static_cast<std::size_t>(token.head)};
  }

  Clock::time_point start_ = Clock::now();
  std::optional<model::StreamingDetokenizer> detokenizer_;
  model::StopStrings stops_;
  bool plain_;
  bool stopped_ = false;
  const TextSink& sink_;
  GenerationReport report_;
};

}  // namespace

Outcome<GenerationReport> generate_full(const EdgeSettings& settings, const Prompt& prompt,
                                        const TextSink& on_token) {
  auto checkpoint = model::Checkpoint::open(settings.model.directory, settings.model.exit_layers);
  if (!checkpoint) return tl::unexpected(to_failure(checkpoint.error()));
  const auto& config = checkpoint->config();
  auto thresholds = reference_thresholds(settings, config);
  if (!thresholds) return tl::unexpected(thresholds.error());
  const auto tokenizer = load_optional_tokenizer(settings.model.directory);
  if (!tokenizer) return tl::unexpected(tokenizer.error());

  model::EngineOptions options{.dtype = settings.model.dtype,
                               .weights = settings.model.weights,
                               .device = settings.model.device};
  // Thresholds ask for what two nodes would give, so rows pass through the codec as theirs do.
  if (!thresholds->empty()) {
    options.row_codec = model::find_row_codec(model::name_of(settings.link.row_dtype));
  }
  model::set_compute_threads(settings.model.threads);
  auto engine = model::load_engine(*checkpoint, model::Part::whole, options);
  if (!engine) return tl::unexpected(to_failure(engine.error()));

  model::ReferenceRequest request;
  if (const auto* text = std::get_if<std::string>(&prompt)) {
    if (*tokenizer == nullptr) {
      return misused(settings.model.directory.string() +
                     " has no tokenizer.json: give the prompt with --prompt-ids");
    }
    request.prompt = (*tokenizer)->encode(*text, true);
  } else {
    request.prompt = std::get<std::vector<model::TokenId>>(prompt);
  }
  request.max_tokens = settings.generation.max_tokens;
  request.thresholds = *thresholds;
  request.ignore_eos = settings.generation.ignore_eos;
  request.sampling = settings.generation.sampling;
  Collector collector(tokenizer->get(), settings.generation.stop, thresholds->empty(), on_token);
  request.on_token = [&](const model::ReferenceToken& token) {
    return collector.add(token);
  };
  const auto tokens = model::run_reference(**engine, request);
  if (!tokens) return tl::unexpected(to_failure(tokens.error()));
  const bool ended = !settings.generation.ignore_eos && !tokens->empty() &&
                     model::is_end_of_text(config.eos, tokens->back().id);
  auto report = collector.finish(ended);
  report.mode = name_of(GenerationMode::full);
  report.prompt_tokens = static_cast<std::int64_t>(request.prompt.size());
  return report;
}

}  // namespace cecollm::apps
