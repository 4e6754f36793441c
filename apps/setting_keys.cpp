#include "apps/setting_keys.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <numeric>
#include <vector>

namespace cecollm::apps {
namespace {

constexpr double minute_ms = 60'000;
constexpr double hour_ms = 60 * minute_ms;
constexpr double kib = 1024;
constexpr double mib = 1024 * kib;
constexpr double gib = 1024 * mib;

// In the order in which the documentation shows them.
constexpr std::array key_table{
    SettingKey{.name = "model.directory",
               .flag = "--model",
               .kind = ValueKind::path,
               .help = "Checkpoint: config.json, model.safetensors or its shards, tokenizer.json"},
    SettingKey{.name = "model.exit_layers",
               .flag = "--exit-layers",
               .kind = ValueKind::integer_list,
               .help =
                   "Layers, counted from 1, after which an early exit with the model's own head "
                   "sits; not set: the checkpoint's own exits",
               .least = 1,
               .most = 100'000},
    SettingKey{.name = "model.dtype",
               .flag = "--dtype",
               .kind = ValueKind::choice,
               .default_text = "auto",
               .help = "Type to compute in; auto: fp32, with bf16 weights kept in bf16",
               .choices = "fp32|bf16|auto"},
    SettingKey{.name = "model.weights",
               .flag = "--weights",
               .kind = ValueKind::choice,
               .default_text = "stored",
               .applies_to = AppliesTo::edge,
               .help =
                   "How weights are held; int8: half the memory of bf16, but other tokens now and "
                   "then (docs/cpu.md)",
               .choices = "stored|int8"},
    SettingKey{.name = "model.device",
               .flag = "--device",
               .default_text = "cpu",
               .help = "Where to compute: cpu, cuda, or cuda:N for one of several; dtype auto is "
                       "bf16 on cuda"},
    SettingKey{.name = "model.threads",
               .flag = "--threads",
               .kind = ValueKind::integer,
               .default_text = "0",
               .help = "Threads of tensor operations; 0: the library's default",
               .least = 0,
               .most = 1024},
    SettingKey{.name = "model.cloud_only",
               .flag = "--no-cloud-only",
               .kind = ValueKind::boolean,
               .default_text = "true",
               .applies_to = AppliesTo::cloud,
               .help = "Load the shallow layers too and serve requests in mode cloud-only"},

    SettingKey{.name = "link.cloud",
               .flag = "--cloud",
               .kind = ValueKind::endpoint_list,
               .applies_to = AppliesTo::edge,
               .help = "Addresses of the clouds, HOST:PORT, in order of preference; the next is "
                       "tried where one cannot be reached"},
    SettingKey{.name = "link.listen",
               .flag = "--listen",
               .kind = ValueKind::endpoint,
               .applies_to = AppliesTo::cloud,
               .help = "Address on which edges are served, HOST:PORT"},
    SettingKey{.name = "link.certificate",
               .flag = "--cert",
               .kind = ValueKind::path,
               .help = "This node's certificate chain, PEM"},
    SettingKey{.name = "link.key",
               .flag = "--key",
               .kind = ValueKind::path,
               .help = "Private key of the certificate, PEM"},
    SettingKey{.name = "link.authority",
               .flag = "--ca",
               .kind = ValueKind::path,
               .help = "Certificate of the authority that signed the peers, PEM"},
    SettingKey{.name = "link.allow",
               .flag = "--allow",
               .kind = ValueKind::text_list,
               .applies_to = AppliesTo::cloud,
               .help =
                   "Names in the certificates of the edges that may connect; not set: all that the "
                   "authority signed. Repeat the flag for several"},
    SettingKey{.name = "link.insecure",
               .flag = "--insecure",
               .kind = ValueKind::boolean,
               .default_text = "false",
               .help = "Plain TCP without certificates; loopback addresses only"},
    SettingKey{.name = "link.row_dtype",
               .flag = "--row-dtype",
               .kind = ValueKind::choice,
               .default_text = "auto",
               .help = "Type of the rows that an edge sends, its own choice; on a cloud, what rows "
                       "of cloud-only streams are rounded to; auto: fp32 where dtype is fp32, else "
                       "fp16",
               .choices = "fp32|bf16|fp16|auto"},
    SettingKey{.name = "link.heartbeat",
               .flag = "--heartbeat",
               .kind = ValueKind::duration,
               .default_text = "5s",
               .help = "Silence after which an edge pings its cloud; the shorter of both sides "
                       "counts",
               .least = 10,
               .most = hour_ms},
    SettingKey{.name = "link.silence_limit",
               .flag = "--silence-limit",
               .kind = ValueKind::duration,
               .default_text = "15s",
               .help = "Silence after which the peer counts as gone; at least two heartbeats",
               .least = 20,
               .most = hour_ms},
    SettingKey{.name = "link.connect_timeout",
               .flag = "--connect-timeout",
               .kind = ValueKind::duration,
               .default_text = "5s",
               .help = "Time for name look-up, TCP and TLS together",
               .least = 10,
               .most = 10 * minute_ms},
    SettingKey{.name = "link.max_frame_bytes",
               .flag = "--max-frame-bytes",
               .kind = ValueKind::size,
               .default_text = "8MiB",
               .help = "Longest frame that is accepted",
               .least = mib,
               .most = gib},
    SettingKey{.name = "link.max_queue_bytes",
               .flag = "--max-queue-bytes",
               .kind = ValueKind::size,
               .default_text = "32MiB",
               .help = "Bytes that may wait to be sent on one connection; at least one frame",
               .least = 64 * kib,
               .most = 64 * gib},
    SettingKey{.name = "link.row_memory",
               .flag = "--row-memory",
               .kind = ValueKind::size,
               .default_text = "256MiB",
               .applies_to = AppliesTo::edge,
               .help = "Rows kept on the edge until their generation ends, so that a new cloud can "
                       "have them; a generation that needs more goes on standalone",
               .least = 64 * kib,
               .most = 1024 * gib},
    SettingKey{.name = "link.upload_budget_request",
               .flag = "--upload-budget-request",
               .kind = ValueKind::size,
               .applies_to = AppliesTo::edge,
               .help = "Most bytes that one generation may send; then it goes on standalone. Not "
                       "set: no limit",
               .least = 0,
               .most = 1024 * gib},
    SettingKey{.name = "link.upload_budget_day",
               .flag = "--upload-budget-day",
               .kind = ValueKind::size,
               .applies_to = AppliesTo::edge,
               .help = "Most bytes that all generations may send in a day (UTC); then the edge is "
                       "standalone until the next. Not set: no limit",
               .least = 0,
               .most = 1024 * gib},
    SettingKey{.name = "link.upload_budget_file",
               .flag = "--upload-budget-file",
               .kind = ValueKind::path,
               .applies_to = AppliesTo::edge,
               .help = "Where this process keeps what it has sent of the day's budget; not set: a "
                       "restart forgets it and may send as much again"},
    SettingKey{.name = "link.emulate",
               .flag = "--link",
               .applies_to = AppliesTo::edge,
               .help = "Emulate a bad link below TLS: rtt=50ms,jitter=5ms,up=5mbit,down=20mbit,"
                       "loss=1%,seed=7; what is left out is perfect"},
    SettingKey{.name = "link.emulate_trace",
               .flag = "--link-trace",
               .kind = ValueKind::path,
               .applies_to = AppliesTo::edge,
               .help = "The same from a trace, a CSV file as in bench/traces"},
    SettingKey{.name = "link.max_connections",
               .flag = "--max-connections",
               .kind = ValueKind::integer,
               .default_text = "64",
               .applies_to = AppliesTo::cloud,
               .help = "Connections at a time; further ones are closed at once",
               .least = 1,
               .most = 65'536},

    SettingKey{.name = "generation.mode",
               .flag = "--mode",
               .kind = ValueKind::choice,
               .applies_to = AppliesTo::edge,
               .help =
                   "Who computes; not set: collaborative with link.cloud, else standalone. full "
                   "(one process with all layers) only as a flag of cecollm generate",
               .choices = "full|standalone|collaborative|cloud-only"},
    SettingKey{.name = "generation.thresholds",
               .flag = "--threshold",
               .kind = ValueKind::real_list,
               .default_text = "0.8",
               .applies_to = AppliesTo::edge,
               .help = "Confidence from which an exit gives the token; one value for all exits or "
                       "one each. In mode full not set: the plain model",
               .least = -1e6,
               .most = 1e6},
    SettingKey{.name = "generation.max_tokens",
               .flag = "--max-tokens",
               .kind = ValueKind::integer,
               .default_text = "128",
               .applies_to = AppliesTo::edge,
               .help = "Most tokens of one generation",
               .least = 1,
               .most = 1e6},
    SettingKey{.name = "generation.token_deadline",
               .flag = "--token-deadline",
               .kind = ValueKind::duration,
               .default_text = "5s",
               .applies_to = AppliesTo::edge,
               .help = "Longest wait for a token of the cloud; then the last exit gives it",
               .least = 1,
               .most = hour_ms},
    SettingKey{.name = "generation.first_token_deadline",
               .flag = "--first-token-deadline",
               .kind = ValueKind::duration,
               .applies_to = AppliesTo::edge,
               .help = "The same for the first ask, which carries the prompt; not set: as "
                       "token_deadline",
               .least = 1,
               .most = hour_ms},
    SettingKey{.name = "generation.ask_ahead",
               .flag = "--no-ask-ahead",
               .kind = ValueKind::boolean,
               .default_text = "true",
               .applies_to = AppliesTo::edge,
               .help =
                   "Ask the cloud while the later layers run, where their exit will probably not "
                   "be sure"},
    SettingKey{.name = "generation.ignore_eos",
               .flag = "--ignore-eos",
               .kind = ValueKind::boolean,
               .default_text = "false",
               .applies_to = AppliesTo::edge,
               .help = "Go on after an end-of-text token"},
    SettingKey{.name = "generation.stop",
               .flag = "--stop",
               .kind = ValueKind::text_list,
               .applies_to = AppliesTo::edge,
               .help = "Texts that end the generation; they are not printed. Repeat the flag for "
                       "several; the environment variable holds one"},
    SettingKey{.name = "generation.temperature",
               .flag = "--temperature",
               .kind = ValueKind::real,
               .default_text = "0",
               .applies_to = AppliesTo::edge,
               .help = "Divides the logits before a token is drawn; 0: greedy",
               .least = 0,
               .most = 100},
    SettingKey{.name = "generation.top_k",
               .flag = "--top-k",
               .kind = ValueKind::integer,
               .default_text = "0",
               .applies_to = AppliesTo::edge,
               .help = "Draw among this many most likely tokens; 0: all",
               .least = 0,
               .most = 1e6},
    SettingKey{.name = "generation.top_p",
               .flag = "--top-p",
               .kind = ValueKind::real,
               .default_text = "1",
               .applies_to = AppliesTo::edge,
               .help = "Draw among the most likely tokens that together reach this probability",
               .least = 1e-6,
               .most = 1},
    SettingKey{.name = "generation.min_p",
               .flag = "--min-p",
               .kind = ValueKind::real,
               .default_text = "0",
               .applies_to = AppliesTo::edge,
               .help = "Draw among tokens at least this share as likely as the likeliest",
               .least = 0,
               .most = 1},
    SettingKey{.name = "generation.repetition_penalty",
               .flag = "--repetition-penalty",
               .kind = ValueKind::real,
               .default_text = "1",
               .applies_to = AppliesTo::edge,
               .help = "Scales down logits of tokens in prompt and output; 1: off",
               .least = 1e-3,
               .most = 1e3},
    SettingKey{.name = "generation.presence_penalty",
               .flag = "--presence-penalty",
               .kind = ValueKind::real,
               .default_text = "0",
               .applies_to = AppliesTo::edge,
               .help = "Subtracted from logits of tokens in the output",
               .least = -100,
               .most = 100},
    SettingKey{.name = "generation.frequency_penalty",
               .flag = "--frequency-penalty",
               .kind = ValueKind::real,
               .default_text = "0",
               .applies_to = AppliesTo::edge,
               .help = "Subtracted from logits once for each time the token is in the output",
               .least = -100,
               .most = 100},
    SettingKey{.name = "generation.seed",
               .flag = "--seed",
               .kind = ValueKind::integer,
               .default_text = "0",
               .applies_to = AppliesTo::edge,
               .help =
                   "Seed of the draws; the same seed gives the same text wherever each token is "
                   "decided",
               .least = 0},
    SettingKey{.name = "generation.logprobs",
               .flag = "--logprobs",
               .kind = ValueKind::integer,
               .default_text = "0",
               .applies_to = AppliesTo::edge,
               .help = "How many of the likeliest tokens are reported with each token",
               .least = 0,
               .most = 20},

    SettingKey{.name = "supervisor.adaptive",
               .flag = "--no-adapt",
               .kind = ValueKind::boolean,
               .default_text = "true",
               .applies_to = AppliesTo::edge,
               .help = "Go standalone while the link is bad and back when it is good; off: hold "
                       "generation.mode whatever the link does"},
    SettingKey{.name = "supervisor.leave_above",
               .flag = "--leave-above",
               .kind = ValueKind::duration,
               .default_text = "200ms",
               .applies_to = AppliesTo::edge,
               .help = "Round trip and the cloud's time for an ask (queue and compute) above which "
                       "the edge goes standalone; it does as well while more than 5 s of its rows "
                       "wait to be sent",
               .least = 1,
               .most = hour_ms},
    SettingKey{.name = "supervisor.enter_below",
               .flag = "--enter-below",
               .kind = ValueKind::duration,
               .default_text = "100ms",
               .applies_to = AppliesTo::edge,
               .help = "The same time below which it comes back; at most leave_above",
               .least = 1,
               .most = hour_ms},
    SettingKey{.name = "supervisor.minimum_dwell",
               .flag = "--minimum-dwell",
               .kind = ValueKind::duration,
               .default_text = "3s",
               .applies_to = AppliesTo::edge,
               .help = "Least time between two changes of the mode",
               .least = 0,
               .most = hour_ms},
    SettingKey{.name = "supervisor.expired_asks",
               .flag = "--expired-asks",
               .kind = ValueKind::integer,
               .default_text = "2",
               .applies_to = AppliesTo::edge,
               .help = "Asks in a row whose deadline passes before the edge goes standalone",
               .least = 1,
               .most = 1000},
    SettingKey{.name = "supervisor.ping_timeouts",
               .flag = "--ping-timeouts",
               .kind = ValueKind::integer,
               .default_text = "2",
               .applies_to = AppliesTo::edge,
               .help = "Pings in a row without an answer before the edge goes standalone",
               .least = 1,
               .most = 1000},
    SettingKey{
        .name = "supervisor.probe_interval",
        .flag = "--probe-interval",
        .kind = ValueKind::duration,
        .default_text = "1s",
        .applies_to = AppliesTo::edge,
        .help = "Time in standalone before the link is looked at; doubles after each failure",
        .least = 10,
        .most = hour_ms},
    SettingKey{.name = "supervisor.probe_interval_max",
               .flag = "--probe-interval-max",
               .kind = ValueKind::duration,
               .default_text = "15s",
               .applies_to = AppliesTo::edge,
               .help = "The longest that doubling makes of it",
               .least = 10,
               .most = hour_ms},
    SettingKey{.name = "supervisor.probe_samples",
               .flag = "--probe-samples",
               .kind = ValueKind::integer,
               .default_text = "5",
               .applies_to = AppliesTo::edge,
               .help = "Round trips that a look at the link measures, 100 ms apart",
               .least = 1,
               .most = 1000},
    SettingKey{.name = "supervisor.probe_timeout",
               .flag = "--probe-timeout",
               .kind = ValueKind::duration,
               .default_text = "3s",
               .applies_to = AppliesTo::edge,
               .help = "Time within which it has to have them; at least 100 ms a sample",
               .least = 100,
               .most = hour_ms},

    SettingKey{.name = "conversations.max_kept",
               .flag = "--max-conversations",
               .kind = ValueKind::integer,
               .default_text = "8",
               .applies_to = AppliesTo::edge,
               .help =
                   "Finished generations whose caches and rows stay, here and on the cloud, for "
                   "a request of the same client that goes on with their text; 0: none",
               .least = 0,
               .most = 65536},
    SettingKey{.name = "conversations.memory",
               .flag = "--conversation-memory",
               .kind = ValueKind::size,
               .default_text = "256MiB",
               .applies_to = AppliesTo::edge,
               .help = "Most bytes that they hold on the edge; the longest unused goes first",
               .least = 0,
               .most = 1024 * gib},
    SettingKey{.name = "conversations.ttl",
               .flag = "--conversation-ttl",
               .kind = ValueKind::duration,
               .default_text = "5min",
               .applies_to = AppliesTo::edge,
               .help = "How long they wait to be gone on with",
               .least = 1,
               .most = 24 * hour_ms},

    SettingKey{.name = "contexts.max_total",
               .flag = "--max-contexts",
               .kind = ValueKind::integer,
               .default_text = "4096",
               .applies_to = AppliesTo::cloud,
               .help = "Generations whose state the cloud holds at a time",
               .least = 1,
               .most = 1e6},
    SettingKey{.name = "contexts.max_per_edge",
               .flag = "--max-contexts-per-edge",
               .kind = ValueKind::integer,
               .default_text = "256",
               .applies_to = AppliesTo::cloud,
               .help = "The same for one connection; at most max_total",
               .least = 1,
               .most = 1e6},
    SettingKey{.name = "contexts.max_per_identity",
               .flag = "--max-contexts-per-identity",
               .kind = ValueKind::integer,
               .default_text = "0",
               .applies_to = AppliesTo::cloud,
               .help = "The same for all connections under one certificate's name; 0: no bound",
               .least = 0,
               .most = 1e6},
    SettingKey{.name = "contexts.row_memory",
               .flag = "--context-row-memory",
               .kind = ValueKind::size,
               .default_text = "1GiB",
               .applies_to = AppliesTo::cloud,
               .help =
                   "Rows held of all contexts; beyond it the longest unused contexts are dropped "
                   "and their edges told",
               .least = kib,
               .most = 4096 * gib},
    SettingKey{.name = "contexts.row_memory_per_identity",
               .flag = "--context-row-memory-per-identity",
               .kind = ValueKind::size,
               .applies_to = AppliesTo::cloud,
               .help = "The same for all contexts under one certificate's name; not set: no bound",
               .least = kib,
               .most = 4096 * gib},
    SettingKey{.name = "contexts.kv_memory",
               .flag = "--kv-memory",
               .kind = ValueKind::size,
               .default_text = "4GiB",
               .applies_to = AppliesTo::cloud,
               .help =
                   "KV caches of all contexts; beyond it the longest unasked lose theirs, to be "
                   "built again from their rows",
               .least = kib,
               .most = 4096 * gib},
    SettingKey{.name = "contexts.idle_ttl",
               .flag = "--context-ttl",
               .kind = ValueKind::duration,
               .default_text = "10min",
               .applies_to = AppliesTo::cloud,
               .help = "A context that is not used for this long is dropped",
               .least = 1,
               .most = 24 * hour_ms},
    SettingKey{.name = "contexts.disconnect_grace",
               .flag = "--disconnect-grace",
               .kind = ValueKind::duration,
               .default_text = "30s",
               .applies_to = AppliesTo::cloud,
               .help = "How long the contexts of a lost connection wait for its edge to return",
               .least = 0,
               .most = hour_ms},

    SettingKey{
        .name = "batch.rows",
        .flag = "--batch-rows",
        .kind = ValueKind::integer,
        .default_text = "256",
        .applies_to = AppliesTo::cloud,
        .help = "Rows in one compute step: what a token may have to wait for others' prompts",
        .least = 1,
        .most = 65536},
    SettingKey{.name = "batch.tokens",
               .flag = "--batch-tokens",
               .kind = ValueKind::integer,
               .default_text = "128",
               .applies_to = AppliesTo::cloud,
               .help = "Asks that one compute step answers",
               .least = 1,
               .most = 65536},
    SettingKey{.name = "batch.max_waiting",
               .flag = "--max-waiting",
               .kind = ValueKind::integer,
               .default_text = "4096",
               .applies_to = AppliesTo::cloud,
               .help = "Asks that wait for a step; one more is told to try again later",
               .least = 1,
               .most = 1e6},
    SettingKey{.name = "batch.run_ahead",
               .flag = "--no-run-ahead",
               .kind = ValueKind::boolean,
               .default_text = "true",
               .applies_to = AppliesTo::cloud,
               .help = "Compute rows before they are asked for, where the context has asked before "
                       "and nobody else waits"},

    SettingKey{.name = "api.listen",
               .flag = "--http",
               .kind = ValueKind::endpoint,
               .help = "Address of the HTTP API, HOST:PORT; an edge reads no standard input then. "
                       "Without api.keys for hosts that you trust. Not set: none"},
    SettingKey{.name = "api.keys",
               .flag = "--api-keys",
               .kind = ValueKind::path,
               .help = "File of the keys that the HTTP API asks for, made by cecollm keys; read "
                       "anew when it changes. Not set: it asks nobody"},
    SettingKey{.name = "api.max_streams",
               .flag = "--http-streams",
               .kind = ValueKind::integer,
               .default_text = "64",
               .help = "Generations that the HTTP API runs at a time; one more is told to try "
                       "again later",
               .least = 1,
               .most = 4096},
    SettingKey{.name = "api.drain_timeout",
               .flag = "--http-drain",
               .kind = ValueKind::duration,
               .default_text = "10s",
               .help = "How long running generations of the HTTP API may go on after SIGTERM",
               .least = 0,
               .most = hour_ms},

    SettingKey{.name = "admin.listen",
               .flag = "--admin",
               .kind = ValueKind::endpoint,
               .help = "Address of the admin surface (state, mode, reload, drain), HOST:PORT of "
                       "loopback; whoever is on this machine may use it. Not set: none"},

    SettingKey{.name = "metrics.listen",
               .flag = "--metrics",
               .kind = ValueKind::endpoint,
               .help = "Address of /metrics for Prometheus and of /readyz and /livez for probes, "
                       "HOST:PORT; not set: none"},
    SettingKey{.name = "log.level",
               .flag = "--log-level",
               .kind = ValueKind::choice,
               .default_text = "info",
               .help = "Least severe messages to log, on standard error",
               .choices = "trace|debug|info|warning|error|off"},
    SettingKey{.name = "log.format",
               .flag = "--log-format",
               .kind = ValueKind::choice,
               .default_text = "logfmt",
               .help = "How a line of the log is spelt",
               .choices = "logfmt|json"},
    SettingKey{.name = "log.trace_file",
               .flag = "--trace-file",
               .kind = ValueKind::path,
               .applies_to = AppliesTo::edge,
               .help = "Where to write the timeline of the generation that ended last, in Chrome's "
                       "trace-event format; not set: nowhere"},
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string escaped_pipes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string_view name_of(AppliesTo applies_to) {
  switch (applies_to) {
    case AppliesTo::edge:
      return "edge";
    case AppliesTo::cloud:
      return "cloud";
    case AppliesTo::both:
      return "both";
  }
  return "";
}

}  // namespace

std::string_view name_of(Node node) {
  return node == Node::edge ? "edge" : "cloud";
}

std::string_view name_of(ValueKind kind) {
  switch (kind) {
    case ValueKind::text:
      return "text";
    case ValueKind::path:
      return "path";
    case ValueKind::boolean:
      return "true or false";
    case ValueKind::integer:
      return "whole number";
    case ValueKind::real:
      return "number";
    case ValueKind::duration:
      return "duration";
    case ValueKind::size:
      return "size";
    case ValueKind::endpoint:
      return "HOST:PORT";
    case ValueKind::choice:
      return "choice";
    case ValueKind::integer_list:
      return "list of whole numbers";
    case ValueKind::real_list:
      return "list of numbers";
    case ValueKind::text_list:
      return "list of texts";
    case ValueKind::endpoint_list:
      return "list of HOST:PORT";
  }
  return "";
}

std::span<const SettingKey> setting_keys() {
  return key_table;
}

const SettingKey* find_setting_key(std::string_view name) {
  const auto* found = std::find_if(key_table.begin(), key_table.end(),
                                   [&](const SettingKey& key) { return key.name == name; });
  return found == key_table.end() ? nullptr : found;
}

bool applies(const SettingKey& key, Node node) {
  return key.applies_to == AppliesTo::both ||
         (key.applies_to == AppliesTo::edge) == (node == Node::edge);
}

std::string environment_name(const SettingKey& key) {
  std::string name = "CECOLLM_";
  for (const char c : key.name) {
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::optional<std::string_view> nearest_setting_name(std::string_view name) {
  // Long names would cost time, and none of ours is long.
  if (name.size() > 64) return std::nullopt;
  const auto* nearest = std::min_element(
      key_table.begin(), key_table.end(), [&](const SettingKey& a, const SettingKey& b) {
        return edit_distance(a.name, name) < edit_distance(b.name, name);
      });
  if (edit_distance(nearest->name, name) > 4) return std::nullopt;
  return nearest->name;
}

std::string render_setting_table() {
  std::string table =
      "| key | flag | environment | type | default | node | meaning |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const SettingKey& key : key_table) {
    table += "| `" + std::string(key.name) + "` | `" + std::string(key.flag) + "` | `" +
             environment_name(key) + "` | ";
    if (key.kind == ValueKind::choice) {
      table += "`" + escaped_pipes(key.choices) + "`";
    } else {
      table += name_of(key.kind);
    }
    table += " | ";
    table += key.default_text.empty() ? "not set" : "`" + std::string(key.default_text) + "`";
    table += " | ";
    table += name_of(key.applies_to);
    table += " | " + std::string(key.help) + " |\n";
  }
  return table;
}

}  // namespace cecollm::apps
