#pragma once

#include "actors/env/environment_factory.h"
#include "common/config/run_config.h"

namespace stillhouse::actors {

/// `env.options` of a configuration.
inline EnvironmentOptions OptionsOf(const EnvironmentSettings& settings) {
  return {settings.sticky_action_prob, settings.difficulty_ramping, settings.mask_actions,
          settings.several, settings.data};
}

}  // namespace stillhouse::actors
