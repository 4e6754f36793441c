#pragma once
// `cecollm cloud`: serves edges until it is stopped.

#include "apps/command.hpp"
#include "apps/engine_wrap.hpp"

namespace cecollm::apps {

/// What the command does with its settings.
Outcome<void> serve_cloud(const SettingSources& sources, const CommandIo& io,
                          const EngineWrap& wrap = {});

void register_cloud(CLI::App& app, Command& chosen);

}  // namespace cecollm::apps
