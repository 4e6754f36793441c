#include "actors/cloud_scout.hpp"

#include <utility>

#include "transport/codec.hpp"

namespace cecollm::actors {

cloud_scout_actor::behavior_type cloud_scout(
    cloud_scout_actor::stateful_pointer<CloudScoutState> self, CloudScoutSetting setting) {
  self->state.setting = std::move(setting);
  self->state.setting.dial(caf::actor_cast<caf::actor>(self));
  return {
      [self](const transport::ConnectionUp& up) {
        self->state.connection = up.connection;
        caf::anon_send(up.connection,
                       transport::SendFrame{std::make_shared<const std::vector<char>>(
                           transport::encode_frame(self->state.setting.hello))});
      },
      [self](const transport::FrameArrived& frame) {
        // The first word tells: a welcome, or why there is none.
        const auto message = transport::decode_envelope(frame.envelope);
        self->state.welcome = message && std::holds_alternative<transport::Welcome>(*message);
        caf::anon_send(self->state.connection, transport::CloseConnection{});
      },
      [](const transport::SendQueueDrained&) {},
      [self](const transport::ConnectionDown&) {
        self->send(self->state.setting.link,
                   ScoutReport{self->state.setting.cloud, self->state.welcome});
        self->quit();
      },
  };
}

}  // namespace cecollm::actors
