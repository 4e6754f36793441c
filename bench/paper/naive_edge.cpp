#include "bench/paper/naive_edge.hpp"

#include <optional>
#include <utility>

#include "actors/cloud_link.hpp"
#include "actors/handshake.hpp"
#include "apps/edge_link.hpp"
#include "apps/node_info.hpp"
#include "model/checkpoint.hpp"
#include "model/torch_engine.hpp"

namespace cecollm::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds connect_limit{60};
constexpr std::chrono::minutes answer_limit{60};
/// A prefix goes up at once, whatever is confirmed of it.
constexpr std::size_t unbounded_window = std::size_t{1} << 40U;

}  // namespace

NaiveEdge::NaiveEdge(caf::actor_system& system, std::shared_ptr<model::Engine> engine)
    : self_(system),
      engine_(std::move(engine)),
      registry_(std::make_shared<prometheus::Registry>()) {}

NaiveEdge::~NaiveEdge() {
  if (!link_) return;
  self_->monitor(link_);
  self_->send(link_, actors::Shutdown{});
  self_->receive([](const caf::down_msg&) {}, caf::after(connect_limit) >> [] {});
}

apps::Outcome<std::unique_ptr<NaiveEdge>> NaiveEdge::start(caf::actor_system& system,
                                                           const apps::EdgeSettings& settings,
                                                           const apps::EngineWrap& wrap) {
  const auto checkpoint =
      model::Checkpoint::open(settings.model.directory, settings.model.exit_layers);
  if (!checkpoint) return tl::unexpected(apps::to_failure(checkpoint.error()));
  const auto identity = checkpoint->identity();
  if (!identity) return tl::unexpected(apps::to_failure(identity.error()));
  auto engine = model::load_engine(*checkpoint, model::Part::edge,
                                   {.dtype = settings.model.dtype,
                                    .row_codec = model::find_row_codec("fp32"),
                                    .weights = settings.model.weights,
                                    .device = settings.model.device});
  if (!engine) return tl::unexpected(apps::to_failure(engine.error()));
  std::unique_ptr<NaiveEdge> edge(new NaiveEdge(system, apps::wrapped(std::move(*engine), wrap)));
  auto connected = edge->connect(settings, actors::to_wire(*identity), identity->whole_digest);
  if (!connected) return tl::unexpected(connected.error());
  return edge;
}

apps::Outcome<void> NaiveEdge::connect(const apps::EdgeSettings& settings,
                                       const transport::ModelDigests& digests, std::string digest) {
  const auto& config = engine_->config();
  metrics_ = std::make_unique<monitoring::EdgeMetrics>(
      *registry_, apps::edge_labels(settings.model, config, digest));
  const auto links =
      apps::EdgeLinks::prepare(settings, {digests, &engine_->row_codec(), config.hidden_size});
  if (!links) return tl::unexpected(links.error());
  auto setting = links->make(settings.emulated_link);
  setting.metrics = metrics_.get();
  setting.window_bytes = unbounded_window;
  link_ = self_->home_system().spawn(actors::cloud_link, std::move(setting));
  // Reports like a probe's come here until the link is ready, and from then on nowhere.
  self_->send(link_, actors::WatchLink{caf::actor_cast<actors::network_probe_actor>(self_)});
  std::optional<std::string> problem;
  self_->receive([&](const actors::LinkUp&) {},
                 [&](const actors::LinkDown& down) { problem = down.reason; },
                 caf::after(connect_limit) >> [&] { problem = "no answer"; });
  self_->send(link_, actors::WatchLink{});
  if (problem) return apps::failed("the naive edge did not reach its cloud: " + *problem);
  return {};
}

apps::Outcome<NaiveEdge::Answer> NaiveEdge::ask(const model::Rows& rows, Response& response) {
  const auto context = ++contexts_;
  actors::OpenUpload open;
  open.generation = context;
  open.reply_to = caf::actor_cast<actors::generation_actor>(self_);
  const auto asked = Clock::now();
  self_->send(link_, open);
  self_->send(link_, actors::UploadRows{context, 0, rows});
  self_->send(link_, actors::AskCloud{context, rows.count, answer_limit, {}});
  Answer answer;
  std::string problem;
  self_->receive(
      [&](const actors::CloudAnswered& answered) {
        answer.token = answered.reading.token;
        answer.communication = Clock::now() - asked - answered.queue - answered.compute;
      },
      [&](const actors::CloudFailed& failure) { problem = failure.reason; },
      [&](const actors::UploadStopped& stopped) { problem = stopped.reason; },
      caf::after(answer_limit) >> [&] { problem = "no answer"; });
  if (!problem.empty()) return apps::failed("the naive edge got no token: " + problem);
  // The rows are there: closing waits for nothing.
  self_->request(link_, connect_limit, actors::CloseUpload{context, true})
      .receive(
          [&](const actors::UploadStats& stats) {
            response.bytes_up += stats.bytes_up;
            response.bytes_down += stats.bytes_down;
            response.row_bytes += stats.row_payload_bytes;
          },
          [&](const caf::error& error) { problem = caf::to_string(error); });
  if (!problem.empty()) return apps::failed("the naive edge's context did not close: " + problem);
  return answer;
}

apps::Outcome<Response> NaiveEdge::respond(const std::vector<model::TokenId>& prompt,
                                           const ResponseLimits& limits) {
  auto session = engine_->open({});
  if (!session) return tl::unexpected(apps::to_failure(session.error()));
  Response response;
  auto bytes = std::make_shared<std::vector<std::byte>>();
  auto ids = prompt;
  const auto begun = Clock::now();
  auto last = begun;
  while (std::cmp_less(response.tokens.size(), limits.max_tokens) &&
         (*session)->length() + std::ssize(ids) < engine_->config().max_positions) {
    model::Step step;
    step.session = session->get();
    step.input = std::move(ids);
    auto result = std::move(engine_->run(std::span(&step, 1)).front());
    if (!result) return tl::unexpected(apps::to_failure(result.error()));
    // A copy: the link holds on to what it was given.
    bytes = std::make_shared<std::vector<std::byte>>(*bytes);
    bytes->insert(bytes->end(), result->rows.bytes->begin(), result->rows.bytes->end());
    const auto answer = ask({(*session)->length(), result->rows.codec, bytes, 0}, response);
    if (!answer) return tl::unexpected(answer.error());
    const auto now = Clock::now();
    if (response.tokens.empty()) {
      response.first_token = now - begun;
    } else {
      response.gaps.push_back(now - last);
    }
    last = now;
    response.communication += answer->communication;
    response.tokens.push_back(answer->token);
    ++response.from_cloud;
    if (!limits.ignore_eos && model::is_end_of_text(engine_->config().eos, answer->token)) break;
    ids = {answer->token};
  }
  response.total = last - begun;
  return response;
}

}  // namespace cecollm::bench
