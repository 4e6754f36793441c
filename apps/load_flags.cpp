#include "apps/load_flags.hpp"

#include <cmath>
#include <sstream>
#include <utility>

#include <CLI/CLI.hpp>

#include "apps/setting_value.hpp"

namespace cecollm::apps {
namespace {

constexpr std::size_t most_edges = 100'000;

/// None where the text is empty.
Outcome<std::optional<std::chrono::nanoseconds>> duration_in(const std::string& flag,
                                                             const std::string& text) {
  if (text.empty()) return std::optional<std::chrono::nanoseconds>();
  const auto duration = parse_duration(text);
  if (!duration) return misused(flag + ": " + duration.error());
  if (duration->count() < 0) return misused(flag + ": a time is not negative");
  return std::optional<std::chrono::nanoseconds>(*duration);
}

Outcome<void> choose_loop(const LoadFlags& flags, load::LoadPlan& plan) {
  if (flags.rate && flags.concurrency) {
    return misused("--rate is an open loop and --concurrency a closed one: give one of them");
  }
  if (flags.rate) {
    if (!flags.think.empty()) return misused("--think goes with --concurrency, not with --rate");
    const auto positive = [](double value) {
      return std::isfinite(value) && value >= 1e-6 && value <= 1e6;
    };
    if (!positive(*flags.rate)) return misused("--rate is out of range; choose from 1e-6 to 1e6");
    if (!positive(flags.burstiness)) {
      return misused("--burstiness is out of range; choose from 1e-6 to 1e6");
    }
    plan.loop = load::OpenLoop{*flags.rate, flags.burstiness};
    return {};
  }
  load::ClosedLoop closed;
  closed.users = flags.concurrency.value_or(flags.edges);
  if (closed.users < 1 || closed.users > most_edges * 64) {
    return misused("--concurrency is out of range; choose from 1 to " +
                   std::to_string(most_edges * 64));
  }
  const auto think = duration_in("--think", flags.think);
  if (!think) return tl::unexpected(think.error());
  closed.think = think->value_or(std::chrono::nanoseconds(0));
  plan.loop = closed;
  return {};
}

Outcome<void> choose_times(const LoadFlags& flags, load::LoadPlan& plan) {
  const auto duration = duration_in("--duration", flags.duration);
  if (!duration) return tl::unexpected(duration.error());
  const auto drain = duration_in("--drain", flags.drain);
  if (!drain) return tl::unexpected(drain.error());
  const auto ramp_up = duration_in("--ramp-up", flags.ramp_up);
  if (!ramp_up) return tl::unexpected(ramp_up.error());
  plan.requests = flags.requests;
  plan.duration = *duration;
  plan.ramp_up = ramp_up->value_or(std::chrono::nanoseconds(0));
  plan.drain = *drain;
  if (plan.duration && !plan.drain) plan.drain = std::chrono::seconds(30);
  return {};
}

}  // namespace

void add_load_flags(CLI::App& command, LoadFlags& flags) {
  command
      .add_option(
          "--kind", flags.kind,
          "replay: edges without a model, from --recording; full: each computes the shallow "
          "layers of --model, in shared steps, with one copy of the weights [replay]")
      ->type_name("replay|full");
  command.add_option("--recording", flags.recording, "What cecollm record wrote")
      ->type_name("FILE");
  add_load_prompt_flags(command, flags.prompts);
  command.add_option("--edges", flags.edges, "Virtual edges, a connection each [1]")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, most_edges));
  command
      .add_option("--rate", flags.rate, "Open loop: requests a second, whatever becomes of others")
      ->type_name("X");
  command
      .add_option(
          "--burstiness", flags.burstiness,
          "Shape of the gamma distribution of the gaps: 1 is Poisson, less comes in bursts, "
          "more is steadier [1]")
      ->type_name("X");
  command
      .add_option("--concurrency", flags.concurrency,
                  "Closed loop: users that send one request after the other [as many as edges]")
      ->type_name("N");
  command.add_option("--think", flags.think, "Closed loop: a user's pause between requests [0s]")
      ->type_name("TIME");
  command
      .add_option("--requests", flags.requests,
                  "Send so many [each prompt once, where there is no --duration]")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000'000}));
  command.add_option("--duration", flags.duration, "Send for so long")->type_name("TIME");
  command
      .add_option("--drain", flags.drain,
                  "Then cut off what still runs after so long [30s after --duration, else never]")
      ->type_name("TIME");
  command
      .add_option("--ramp-up", flags.ramp_up,
                  "Reach the rate, or all users, evenly over this time [0s]")
      ->type_name("TIME");
  command
      .add_option("--order", flags.order,
                  "Order of the prompts, each once before any comes again [shuffled]")
      ->type_name("shuffled|file");
  command
      .add_option("--token-time", flags.token_time,
                  "Replay: what an edge's pass takes, of a prompt too; 0s: as fast as possible [as "
                  "recorded]")
      ->type_name("TIME");
  command
      .add_option("--edge-link", flags.links,
                  "Emulated links to draw each edge's from, may be repeated: "
                  "'3*rtt=50ms,up=20mbit', '1*bench/traces/lte-drive.csv'")
      ->type_name("[WEIGHT*]LINK")
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(false);
  command
      .add_option("--slo", flags.objectives,
                  "Limits of a good request: ttft=200ms,tpot=50ms,e2e=3s,wait=100ms")
      ->type_name("LIMITS");
  command
      .add_option("--cloud-metrics", flags.cloud_metrics,
                  "The cloud's metrics.listen, for the sizes of its batches")
      ->type_name("HOST:PORT");
  command.add_option("--json", flags.json, "Write the report as JSON; - is standard output")
      ->type_name("FILE");
  command.add_option("--csv", flags.csv, "Write a line a request")->type_name("FILE");
  command.add_option("--html", flags.html, "Write the report with plots, as one page")
      ->type_name("FILE");
  command.add_flag("--quiet", flags.quiet, "No progress and no table");
}

Outcome<LoadChoices> choices_of(const LoadFlags& flags) {
  LoadChoices choices;
  choices.replay = flags.kind == "replay";
  if (!choices.replay && flags.kind != "full") {
    return misused("--kind '" + flags.kind + "' is none of replay, full");
  }
  if (choices.replay && flags.recording.empty()) {
    return misused("give what to replay with --recording FILE, from cecollm record");
  }
  if (choices.replay && (!flags.prompts.file.empty() || !flags.prompts.prompt_tokens.empty())) {
    return misused(
        "--prompts and --prompt-tokens go with --kind full or cecollm record: a replay "
        "has the prompts of its recording");
  }
  if (!choices.replay && flags.prompts.file.empty()) {
    return misused("give what to send with --prompts FILE");
  }
  if (!choices.replay && !flags.token_time.empty()) {
    return misused("--token-time goes with --kind replay: full edges take the time they take");
  }
  if (flags.order != "shuffled" && flags.order != "file") {
    return misused("--order '" + flags.order + "' is none of shuffled, file");
  }
  choices.plan.shuffled = flags.order == "shuffled";
  if (const auto chosen = choose_loop(flags, choices.plan); !chosen) {
    return tl::unexpected(chosen.error());
  }
  if (const auto chosen = choose_times(flags, choices.plan); !chosen) {
    return tl::unexpected(chosen.error());
  }
  if (choices.replay) {
    const auto lengths = lengths_in("--output-tokens", flags.prompts.output_tokens);
    if (!lengths) return tl::unexpected(lengths.error());
    choices.plan.lengths = *lengths;
  }
  const auto token_time = duration_in("--token-time", flags.token_time);
  if (!token_time) return tl::unexpected(token_time.error());
  choices.token_time = *token_time;
  for (const auto& text : flags.links) {
    auto link = load::parse_weighted_link(text);
    if (!link) return misused("--edge-link: " + link.error().message);
    choices.links.push_back(*std::move(link));
  }
  if (!flags.objectives.empty()) {
    const auto objectives = load::parse_objectives(flags.objectives);
    if (!objectives) return misused("--slo: " + objectives.error().message);
    choices.objectives = *objectives;
  }
  if (!flags.cloud_metrics.empty()) {
    auto endpoint = transport::parse_endpoint(flags.cloud_metrics);
    if (!endpoint) return misused("--cloud-metrics: " + endpoint.error().message);
    choices.cloud_metrics = *std::move(endpoint);
  }
  return choices;
}

load::RunDescription describe(const LoadFlags& flags, const LoadChoices& choices,
                              const std::string& cloud) {
  load::RunDescription description{{"kind", flags.kind}, {"cloud", cloud}};
  description.emplace_back(choices.replay ? "recording" : "prompts",
                           choices.replay ? flags.recording : flags.prompts.file);
  description.emplace_back("edges", std::to_string(flags.edges));
  std::ostringstream loop;
  if (const auto* open = std::get_if<load::OpenLoop>(&choices.plan.loop)) {
    loop << "open, " << open->rate << " requests/s, burstiness " << open->burstiness;
  } else {
    const auto& closed = std::get<load::ClosedLoop>(choices.plan.loop);
    loop << "closed, " << closed.users << " users, think time " << load::seconds_of(closed.think)
         << " s";
  }
  description.emplace_back("loop", loop.str());
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) description.emplace_back(name, value);
  };
  add("requests", choices.plan.requests ? std::to_string(*choices.plan.requests) : "");
  add("duration", flags.duration);
  add("ramp-up", flags.ramp_up);
  add("output tokens", flags.prompts.output_tokens);
  add("token time", flags.token_time);
  for (const auto& link : flags.links) add("edge link", link);
  description.emplace_back("seed", std::to_string(choices.plan.seed));
  return description;
}

}  // namespace cecollm::apps
