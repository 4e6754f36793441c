#pragma once
// What a request has to know of the model that serves it.

#include <cstdint>
#include <string>
#include <vector>

#include "policy/mode.hpp"

namespace cecollm::api {

struct ServedModel {
  std::string name;  // its directory's name
  std::int64_t vocabulary = 0;
  std::int64_t max_positions = 0;
  std::vector<int> exit_layers;
  std::vector<policy::Mode> modes;  // that a request may name
  bool has_tokenizer = false;       // without, prompts come as ids
};

}  // namespace cecollm::api
