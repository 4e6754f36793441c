#pragma once
// Is a token that a replaying edge emitted the recorded one?

#include <optional>

#include "load/recording.hpp"
#include "load/request_log.hpp"

#include "actors/generation_types.hpp"

namespace cecollm::load {

struct ReplyVerdict {
  bool checked = false;    // it was a reply of the cloud
  bool tolerated = false;  // another token than recorded, as likely within the audit's tolerance
  std::optional<RequestError> error;
};

/// A token of the cloud has to be the recorded one or as likely, one of an exit the recorded one. A
/// fallback is an error of the kind that led to it.
ReplyVerdict check_token(const RecordedToken& recorded, const actors::TokenEvent& token);

}  // namespace cecollm::load
