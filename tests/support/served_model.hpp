#pragma once
// A model as requests and responses of the API see it.

#include "api/served_model.hpp"

namespace cecollm::tests {

inline api::ServedModel served_model() {
  return {.name = "little",
          .vocabulary = 100,
          .max_positions = 512,
          .exit_layers = {3, 6},
          .modes = {policy::all_modes.begin(), policy::all_modes.end()},
          .has_tokenizer = true};
}

}  // namespace cecollm::tests
