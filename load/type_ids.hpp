#pragma once
// CAF's numbers for every message type of this folder, as in actors/type_ids.hpp, and an actor
// system that knows them.

#include "load/load_messages.hpp"
#include <caf/all.hpp>

#include "actors/system_config.hpp"
#include "actors/type_ids.hpp"

CAF_BEGIN_TYPE_ID_BLOCK(cecollm_load, caf::id_block::cecollm_actors::end)
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::RunRequest))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::CancelRequests))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::EdgeReady))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::RequestEnded))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::ArrivalDue))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::UserDue))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::SendingOver))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::DrainOver))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::CutOver))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::FarewellOver))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::StopLoad))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::GetLoadProgress))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::LoadProgress))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::LoadEnded))
CAF_ADD_TYPE_ID(cecollm_load, (cecollm::load::PassDone))
CAF_END_TYPE_ID_BLOCK(cecollm_load)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::RunRequest)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::CancelRequests)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::EdgeReady)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::RequestEnded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::ArrivalDue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::UserDue)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::SendingOver)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::DrainOver)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::CutOver)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::FarewellOver)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::StopLoad)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::GetLoadProgress)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::LoadProgress)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::LoadEnded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cecollm::load::PassDone)

namespace cecollm::load {

/// Add them to any actor system that runs a load.
inline void add_load_types(caf::actor_system_config& config) {
  config.add_message_types<caf::id_block::cecollm_load>();
}

class LoadSystemConfig : public actors::SystemConfig {
 public:
  LoadSystemConfig() { add_load_types(*this); }
};

}  // namespace cecollm::load
