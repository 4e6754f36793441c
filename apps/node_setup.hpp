#pragma once
// What edge and cloud set up alike from their settings.

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <caf/all.hpp>

#include "apps/failure.hpp"
#include "apps/settings.hpp"
#include "policy/exit_decision.hpp"
#include "transport/connection_limits.hpp"
#include "transport/tls.hpp"

namespace cecollm::apps {

transport::ConnectionLimits connection_limits(const LinkSettings& settings);

/// Null where the link is insecure or there is none.
Outcome<std::shared_ptr<transport::TlsContext>> load_tls(transport::TlsRole role,
                                                         const LinkSettings& settings);

/// How long a node's own actors may take to answer a simple question, or to end.
inline constexpr std::chrono::seconds actor_limit{30};

/// False once the actor has ended.
template <class Actor>
bool alive(const Actor& actor) {
  const auto* control = caf::actor_cast<caf::abstract_actor*>(actor);
  return !control->getf(caf::abstract_actor::is_terminated_flag);
}

/// Sends `farewell` and waits for the actor's end, which comes by force after actor_limit.
template <class Actor, class Farewell>
void end_supervisor(caf::actor_system& system, const Actor& supervisor, Farewell farewell) {
  if (!supervisor) return;
  caf::scoped_actor self{system};
  self->monitor(supervisor);
  self->send(supervisor, std::move(farewell));
  bool down = false;
  self->receive([&](const caf::down_msg&) { down = true; }, caf::after(actor_limit) >> [] {});
  if (!down) self->send_exit(supervisor, caf::exit_reason::kill);
}

/// One threshold for each of `exits` exits.
Outcome<policy::ExitThresholds> thresholds_for(const std::vector<float>& given, std::size_t exits);

}  // namespace cecollm::apps
