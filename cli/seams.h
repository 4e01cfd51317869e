#pragma once

#include <filesystem>
#include <string>

#include "cli/job.h"

namespace stillhouse::cli {

/// Whether a run of this configuration is torn down and begun again at each of its checkpoints, so
/// that one that was interrupted does what one that was not does (docs/decisions/0007-seams.md):
/// deterministic ones whose store and checkpoints are kept.
bool HasSeams(const RunConfig& config);

/// Fills in what the shards of a deterministic job must know of the checkpoints there.
void TakeKeptTails(const std::filesystem::path& run_dir, Job& job);

/// The job that goes on from the newest checkpoint in the run directory, which has just been
/// written. Throws StorageError when it cannot be read back.
Job JobAtSeam(const std::filesystem::path& run_dir, Job job);

/// Why a deterministic job that goes on is not the one that was interrupted; empty: it is.
std::string WhyNotTheSame(const Job& job);

/// A preemption of a run with seams: a checkpoint at this moment is one that the uninterrupted run
/// does not have. The last seam is where it goes on.
Coordinator::Outcome LeaveOnSeam(const std::string& signal, const Job& job, RunRecorder& recorder);

}  // namespace stillhouse::cli
