#pragma once
// Whether a cloud works with an edge that introduces itself. Pure: hello in, fault or version out.

#include <optional>
#include <string>

#include "model/checkpoint.hpp"
#include "transport/messages.hpp"

namespace cecollm::actors {

/// What a cloud serves.
struct CloudOffer {
  transport::ModelDigests model;
  std::int32_t hidden_size = 0;
};

transport::ModelDigests to_wire(const model::ModelIdentity& identity);

/// The fault that refuses `hello`, with both sides' values in its sentence; nothing if it fits.
/// Models are compared by whole digest where both sides know theirs, else by configuration and the
/// digest of the tensors that both sides hold (DESIGN, Formats).
std::optional<transport::Fault> refuse(const transport::Hello& hello, const CloudOffer& offer);

}  // namespace cecollm::actors
