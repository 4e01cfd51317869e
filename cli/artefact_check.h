#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "actors/env/environment.h"
#include "cli/stored_model.h"

namespace stillhouse::cli {

/// How near an artefact's Q-values are to the reference's on the same observations.
struct Equality {
  std::uint64_t observations = 0;
  double max_abs_difference = 0;
  double largest_q = 0;      ///< greatest |Q| of the reference
  double equal_actions = 0;  ///< share of equal greedy actions, among the legal ones
};

/// What an artefact's Q-values may be off by: float32 sums in another order, not another network.
constexpr double AllowedDifference(double largest_q) {
  return 1e-4 * (largest_q > 1 ? largest_q : 1);
}

/// Observations of a run's environment that a model met when it played greedily.
struct CheckVectors {
  std::size_t count = 0;
  std::vector<float> observations;  ///< [count, elements], unpacked
  std::vector<std::uint8_t> legal;  ///< [count, A], or empty: every action
  std::vector<float> q;             ///< [count, A] of the model as float32, native backend
};

/// `count` states, evenly spread over ten times as many in a row; fewer where the episodes of
/// `seeds` have no more.
CheckVectors MakeCheckVectors(const StoredModel& model, actors::Environment& environment,
                              const std::vector<std::uint64_t>& seeds, std::uint32_t max_steps,
                              std::size_t count);

/// Of the native backend with these parameters.
std::vector<float> NativeQ(const NetworkSpec& network, std::span<const float> parameters,
                           const CheckVectors& vectors);

/// q, reference: [count, A]. Throws ShapeError when a size is another.
Equality CompareQ(const CheckVectors& vectors, std::span<const float> q,
                  std::span<const float> reference);

/// What came of running an artefact.
struct ArtefactRun {
  std::vector<float> q;              ///< empty: it was not run
  std::string not_run;               ///< why
  std::optional<double> latency_us;  ///< where the program said so
};

/// Compiles `folder`/<name>.c and its <name>_check.c and runs it on `observations`, a file. Throws
/// NumericError when the compiler refuses the source or the program fails: that is our mistake. A
/// compiler that is not there, or that takes minutes, is none.
ArtefactRun RunCArtefact(const std::filesystem::path& folder, const std::string& name,
                         const std::filesystem::path& observations, const std::string& compiler);

/// Runs `runner MODEL OBSERVATIONS Q SHAPE`: another runtime, which writes float32 Q-values; SHAPE
/// is an observation's, "4,10,10". Throws ConfigError when it cannot be started or fails; empty:
/// not run.
ArtefactRun RunOnnxArtefact(const std::filesystem::path& model,
                            const std::filesystem::path& observations, const TensorSpec& shape,
                            const std::string& runner);

}  // namespace stillhouse::cli
