#include "bench/weight_accuracy.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "bench/default_model.hpp"
#include "model/tokenizer.hpp"

namespace cecollm::bench {
namespace {

using Ids = std::vector<model::TokenId>;

std::vector<Ids> tokenized(const std::filesystem::path& directory,
                           const std::filesystem::path& texts, std::size_t texts_of_kind,
                           std::size_t most_tokens) {
  const auto tokenizer = need(model::Tokenizer::load(directory));
  std::ifstream file(texts);
  const auto kinds = nlohmann::json::parse(file);
  std::vector<Ids> all;
  for (const auto& [kind, list] : kinds.items()) {
    for (std::size_t i = 0; i < std::min(texts_of_kind, list.size()); ++i) {
      auto ids = tokenizer.encode(list[i].get<std::string>(), true);
      ids.resize(std::min(ids.size(), most_tokens));
      if (ids.size() > 1) all.push_back(std::move(ids));
    }
  }
  return all;
}

std::unique_ptr<model::Engine> load_part(const std::filesystem::path& directory, model::Part part,
                                         model::WeightChoice weights) {
  const model::EngineOptions options{model::ComputeDType::fp32, model::find_row_codec("fp32"),
                                     model::Kernels::packed, weights};
  const auto checkpoint = need(model::Checkpoint::open(directory));
  return need(model::load_engine(checkpoint, part, options));
}

using Scores = std::vector<std::vector<model::HeadScore>>;

Scores score(model::Engine& engine, const Ids& ids) {
  const std::span<const model::TokenId> all(ids);
  return need(engine.score(all.first(ids.size() - 1), all.subspan(1)));
}

/// What the cloud says after each of the text's positions, from the edge's rows.
Ids cloud_tokens(model::Engine& edge, model::Engine& cloud, const Ids& ids) {
  const auto edge_session = need(edge.open({}));
  const auto rows = run(edge, step_of(*edge_session, Ids(ids.begin(), ids.end() - 1), {})).rows;
  const auto row_bytes = rows.bytes->size() / static_cast<std::size_t>(rows.count);
  const auto session = need(cloud.open({}));
  Ids tokens;
  for (std::int64_t i = 0; i < rows.count; ++i) {
    model::Rows row{1, rows.codec, nullptr, 0};
    const auto begin = rows.bytes->begin() + i * static_cast<std::ptrdiff_t>(row_bytes);
    row.bytes = std::make_shared<const std::vector<std::byte>>(
        begin, begin + static_cast<std::ptrdiff_t>(row_bytes));
    tokens.push_back(run(cloud, step_of(*session, row, {0})).readings.front().token);
  }
  return tokens;
}

/// Sums over positions, divided at the end.
struct Sums {
  std::vector<double> log_likelihood, same_as_stored, same_as_full;  // by exit
  double collaborative = 0;
  double cloud = 0;
  double asked = 0;
};

void add_text(Sums& sums, const Scores& own, const Scores& stored, const Scores& full,
              const Ids& from_cloud, double threshold) {
  const std::size_t exits = own.front().size();
  sums.log_likelihood.resize(exits);
  sums.same_as_stored.resize(exits);
  sums.same_as_full.resize(exits);
  for (std::size_t i = 0; i < own.size(); ++i) {
    const auto wanted = full[i].back().argmax;
    model::TokenId token = from_cloud[i];
    bool asked = true;
    for (std::size_t e = exits; e-- > 0;) {
      const auto& exit = own[i][e];
      sums.log_likelihood[e] += static_cast<double>(exit.target_logprob);
      sums.same_as_stored[e] += exit.argmax == stored[i][e].argmax ? 1 : 0;
      sums.same_as_full[e] += exit.argmax == wanted ? 1 : 0;
      if (static_cast<double>(exit.confidence) >= threshold) {
        token = exit.argmax;
        asked = false;
      }
    }
    sums.asked += asked ? 1 : 0;
    sums.collaborative += token == wanted ? 1 : 0;
    sums.cloud += from_cloud[i] == wanted ? 1 : 0;
  }
}

}  // namespace

AccuracyReport compare_weights(const std::filesystem::path& directory,
                               const std::filesystem::path& texts, std::size_t texts_of_kind,
                               std::size_t most_tokens, double threshold) {
  const auto full = load_part(directory, model::Part::whole, model::WeightChoice::stored);
  const auto cloud = load_part(directory, model::Part::cloud, model::WeightChoice::stored);
  const auto stored = load_part(directory, model::Part::edge, model::WeightChoice::stored);
  const auto int8 = load_part(directory, model::Part::edge, model::WeightChoice::int8);
  const std::vector<std::pair<std::string, model::Engine*>> edges{{"stored", stored.get()},
                                                                  {"int8", int8.get()}};
  AccuracyReport report;
  report.threshold = threshold;
  double full_log_likelihood = 0;
  std::vector<Sums> sums(edges.size());
  for (const auto& ids : tokenized(directory, texts, texts_of_kind, most_tokens)) {
    const auto full_scores = score(*full, ids);
    const auto stored_scores = score(*stored, ids);
    report.positions += static_cast<std::int64_t>(full_scores.size());
    for (const auto& heads : full_scores) {
      full_log_likelihood += static_cast<double>(heads.back().target_logprob);
    }
    for (std::size_t i = 0; i < edges.size(); ++i) {
      auto& edge = *edges[i].second;
      add_text(sums[i], i == 0 ? stored_scores : score(edge, ids), stored_scores, full_scores,
               cloud_tokens(edge, *cloud, ids), threshold);
    }
  }
  const auto count = static_cast<double>(report.positions);
  report.full_perplexity = std::exp(-full_log_likelihood / count);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    WeightAccuracy edge;
    edge.weights = edges[i].first;
    for (std::size_t e = 0; e < sums[i].log_likelihood.size(); ++e) {
      edge.exits.push_back({full->config().exits->layers[e],
                            std::exp(-sums[i].log_likelihood[e] / count),
                            sums[i].same_as_stored[e] / count, sums[i].same_as_full[e] / count});
    }
    edge.collaborative_same_as_full = sums[i].collaborative / count;
    edge.cloud_same_as_full = sums[i].cloud / count;
    edge.asked = sums[i].asked / count;
    report.edges.push_back(std::move(edge));
  }
  return report;
}

}  // namespace cecollm::bench
