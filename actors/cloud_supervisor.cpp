#include "actors/cloud_supervisor.hpp"

#include <utility>

#include "actors/child_options.hpp"

namespace cecollm::actors {
namespace {

using CloudSupervisorSelf = cloud_supervisor_actor::stateful_pointer<CloudSupervisorState>;

ListenOutcome start_listening(CloudSupervisorSelf self) {
  auto& state = self->state;
  PeerSetting peer_setting = state.setting.peer;
  peer_setting.store = state.store;
  auto& system = self->system();
  auto listening = state.setting.listen([&system, peer_setting] {
    return caf::actor_cast<caf::actor>(system.spawn(peer, peer_setting));
  });
  if (!listening) return {listening.error(), {}};
  state.listener = listening->listener;
  self->monitor(state.listener);
  self->link_to(state.listener);
  return {std::nullopt, listening->bound};
}

void child_down(CloudSupervisorSelf self, const caf::down_msg& down) {
  if (self->state.stopping) return;
  // An actor that died of an exception leaves nothing that could be trusted to go on.
  self->state.setting.logger.error("an actor of the cloud died",
                                   {{"why", caf::to_string(down.reason)}});
  self->quit(down.reason);
}

}  // namespace

cloud_supervisor_actor::behavior_type cloud_supervisor(CloudSupervisorSelf self,
                                                       CloudSetting setting) {
  auto& state = self->state;
  state.setting = std::move(setting);
  state.setting.compute.metrics = state.setting.metrics;
  state.setting.store.metrics = state.setting.metrics;
  state.setting.peer.metrics = state.setting.metrics;
  state.setting.peer.logger = state.setting.logger;
  state.setting.store.logger = state.setting.logger;
  state.compute =
      state.setting.detached
          ? self->spawn<child_options + caf::detached>(deep_compute, state.setting.compute)
          : self->spawn<child_options>(deep_compute, state.setting.compute);
  state.store = self->spawn<child_options>(context_store, state.setting.store, state.compute);
  self->set_down_handler([self](const caf::down_msg& down) { child_down(self, down); });
  // Children's ends are heard of as down messages.
  self->set_exit_handler([](const caf::exit_msg&) {});
  return {
      [self](const StartListening&) { return start_listening(self); },
      [self](const AllowEdges& change) { self->send(self->state.store, change); },
      [self](const StopCloud&) {
        auto& now = self->state;
        if (std::exchange(now.stopping, true)) return;
        if (now.listener) self->send_exit(now.listener, caf::exit_reason::user_shutdown);
        self->send(now.store, DismissClients{"the cloud is shutting down"});
        self->delayed_send(self, now.setting.farewell, LeaveTaken{});
      },
      [self](const LeaveTaken&) { self->quit(caf::exit_reason::user_shutdown); },
  };
}

}  // namespace cecollm::actors
