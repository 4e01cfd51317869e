#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/tensor_spec.h"
#include "common/config/config_load.h"
#include "common/config/field.h"
#include "common/config/run_config.h"

namespace stillhouse {

/// Networks and losses against the environment: one line for each that cannot be built, naming
/// model and layer ("teacher.network: layer 3 (fc128) on input [16,8,8]: ..."), or that such
/// actions cannot be learned by. Empty when all fit.
std::vector<std::string> CheckNetworks(const RunConfig& config, const EnvironmentSpec& environment);

/// `replay.tolerance: auto` in samples: the larger of 0.1 * min_size * samples_per_insert and twice
/// what can be in flight (batches prefetched, plus samples_per_insert times the steps of all
/// chunks being filled by `workers` workers).
double AutoTolerance(const RunConfig& config, std::int32_t workers);

/// The tolerance in force: the explicit one, or AutoTolerance. Throws ConfigError when the
/// explicit one is below AutoTolerance.
double ResolveTolerance(const RunConfig& config, std::int32_t workers);

/// Values that contradict each other, once every key is read. `file` stands where nothing was set.
void CheckContradictions(const RunConfig& config, const std::string& file,
                         const LoadOptions& options, FieldContext& context);

/// The teacher learns from the labels of a data set, which travel as the experience's actions.
bool IsSupervised(const RunConfig& config);
/// The teacher has learnt already (teacher.init) and only labels.
bool HasFrozenTeacher(const RunConfig& config);
/// The experience is a stored one (replay.from): nobody plays but to evaluate.
bool LearnsFromStored(const RunConfig& config);

/// Fills what depends on other keys: the networks, by the environment.
void FillDefaults(RunConfig& config);

}  // namespace stillhouse
