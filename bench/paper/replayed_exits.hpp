#pragma once
// An engine whose exits are sure as often as a stated distribution says, whatever they compute: so
// a model with random weights has the exit behaviour of a trained one. Speed only; its text means
// nothing.

#include <cstdint>
#include <memory>

#include "model/engine.hpp"

namespace cecollm::bench {

struct ExitReplay {
  double request_rate = 0;  // of tokens that no exit is sure of
  double first_exit =
      1;  // of the others, the share that the first exit takes; the last has the rest
  std::uint64_t seed = 1;
};

/// `engine` with every exit's confidence replaced by 1 (sure) or 0. What is decided depends on the
/// seed, the text that a session begins with and the position alone: every mode and repetition sees
/// the same decisions for the same prompt.
std::shared_ptr<model::Engine> with_replayed_exits(std::shared_ptr<model::Engine> engine,
                                                   const ExitReplay& replay);

}  // namespace cecollm::bench
