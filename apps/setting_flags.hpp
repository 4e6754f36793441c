#pragma once
// One flag for each setting of a node, from the table of setting_keys.hpp.

#include "apps/command.hpp"
#include "apps/setting_sources.hpp"

namespace cecollm::apps {

/// Adds --config FILE and the flags of every key that applies to `node`. The help shows `own`, the
/// command's defaults, in the place of the settings' own.
void add_setting_flags(CLI::App& command, Node node, const SettingDefaults& own = {});

/// After parsing: what was given to a command that has these flags, with io's environment.
SettingSources given_settings(const CLI::App& command, Node node, const CommandIo& io,
                              SettingDefaults own = {});

}  // namespace cecollm::apps
