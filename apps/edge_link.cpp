#include "apps/edge_link.hpp"

#include <random>
#include <utility>

#include "apps/node_setup.hpp"
#include "apps/version.hpp"
#include "transport/connection.hpp"

namespace cecollm::apps {
std::uint64_t random_number() {
  std::random_device source;
  return (std::uint64_t{source()} << 32U) | source();
}

actors::CloudLinkSetting link_setting(const LinkedModel& linked) {
  actors::CloudLinkSetting link;
  link.hello.software = "cecollm " + std::string(version());
  link.hello.instance = random_number();
  link.hello.model = linked.digests;
  link.hello.row_dtype = linked.codec->name();
  link.hello.hidden_size = linked.hidden_size;
  link.row_bytes = linked.codec->row_bytes(linked.hidden_size);
  link.reconnect_seed = random_number();
  return link;
}

EdgeLinks::EdgeLinks(const EdgeSettings& settings, LinkedModel linked,
                     std::shared_ptr<transport::TlsContext> tls)
    : settings_(settings), linked_(std::move(linked)), tls_(std::move(tls)) {}

Outcome<EdgeLinks> EdgeLinks::prepare(const EdgeSettings& settings, LinkedModel linked) {
  auto tls = load_tls(transport::TlsRole::client, settings.link);
  if (!tls) return tl::unexpected(tls.error());
  return EdgeLinks(settings, std::move(linked), std::move(*tls));
}

actors::CloudLinkSetting EdgeLinks::make(
    const std::optional<transport::LinkShape>& emulated) const {
  auto link = link_setting(linked_);
  link.max_kept_bytes = settings_.row_memory;
  link.budget = settings_.upload_budget;
  std::shared_ptr<transport::EmulatedLink> shared;
  if (emulated) {
    // Connections run on the actor clock, which is this one.
    shared = std::make_shared<transport::EmulatedLink>(*emulated, std::chrono::steady_clock::now());
  }
  for (const auto& endpoint : settings_.clouds) {
    // The actor system is known only to the actor that dials.
    link.dials.push_back([endpoint, tls = tls_, limits = connection_limits(settings_.link),
                          shared](const caf::actor& owner) {
      transport::dial(owner.home_system(), endpoint, tls, limits, owner, shared);
    });
  }
  return link;
}

}  // namespace cecollm::apps
