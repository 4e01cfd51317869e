#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/job.h"
#include "common/run/checkpoint_store.h"
#include "common/run/run_directory.h"

namespace stillhouse::cli {

/// Where a run is to start, as `--resume` asks: looked up without changing anything.
struct ResumePlan {
  bool done = false;      ///< the run is over: nothing to do
  bool in_place = false;  ///< go on in the run directory itself
  std::optional<Checkpoint> checkpoint;
  std::vector<std::string> notes;                ///< for the log: what was passed over, and why
  std::vector<std::filesystem::path> set_aside;  ///< checkpoints that are damaged or superseded
};

/// `resume`: "never", "auto", or a run's directory or one of its checkpoints.
/// auto: goes on from the newest whole checkpoint of `run_dir`; a run without any starts afresh,
/// but with its store where `store` (the folder of a store that is kept; empty: it is not) holds
/// one; a run that is done stays as it is. Throws ConfigError when checkpoints are there and none
/// is whole, or when a named one is not.
ResumePlan PlanResume(const std::filesystem::path& run_dir, const std::string& resume,
                      const std::filesystem::path& store = {});

/// Where the job's shards find what the plan goes on with. Throws ConfigError when what is there
/// does not fit the job.
StorePlan PlanStore(const ResumePlan& plan, const std::optional<ResumePoint>& resume,
                    const Job& job, const std::filesystem::path& folder);

/// The plan's checkpoint as this job's point to go on from. Throws ConfigError, naming both, when
/// it is of other networks or optimisers.
std::optional<ResumePoint> CheckedResumePoint(const ResumePlan& plan, const Job& job);

/// Creates or reopens the run directory and moves what the plan sets aside out of the way.
RunDirectory OpenRunDirectory(const std::filesystem::path& run_dir, const std::string& token,
                              const ResumePlan& plan);

}  // namespace stillhouse::cli
