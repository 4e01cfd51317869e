#pragma once

#include <vector>

#include "actors/env/environment_factory.h"

namespace stillhouse::actors {

// What `env.options` of each data set may hold, for lists.
std::vector<EnvironmentOptionInfo> DigitsOptions();
std::vector<EnvironmentOptionInfo> IdxOptions();
std::vector<EnvironmentOptionInfo> TextOptions();
std::vector<EnvironmentOptionInfo> CsvOptions();

}  // namespace stillhouse::actors
