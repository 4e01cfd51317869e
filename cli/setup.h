#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/job.h"
#include "cli/resume.h"
#include "cli/train.h"
#include "common/comm/mpi_session.h"
#include "common/net/listen_address.h"
#include "common/run/run_directory.h"

namespace stillhouse::cli {

/// What rank 0 decides and every rank needs: an error in its place ends all ranks alike.
struct Setup {
  std::string error;
  int status = 0;
  bool over = false;  ///< the run to resume is done: nothing starts
  std::string config_yaml;
  std::string token;
  std::uint32_t attempt = 1;
  bool resuming = false;
  StorePlan store;
  std::string run_directory;
  std::vector<std::vector<float>> initial;  ///< InitialModels::parameters
};

/// What rank 0 alone holds.
struct RunFiles {
  std::filesystem::path path;
  std::string chosen_token;
  ResumePlan plan;
  std::filesystem::path stored;  ///< experience to begin with, to be copied; empty: none
  std::optional<RunDirectory> directory;
  std::optional<ResumePoint> resume;
  std::vector<std::string> notes;  ///< about the resumption, for the log
};

/// The --role of every rank, known to all of them. Collective; `session` may be null.
std::vector<std::string> GatherRoles(const std::string& mine, const comm::MpiSession* session);

/// Everything before the job starts: rank 0 reads the configuration and looks up where to go on,
/// every rank tries what can only be tried on its host, then rank 0 makes the run directory. With
/// an error in the result nothing has changed. Collective; `files` is filled on rank 0.
Setup Prepare(const TrainOptions& options, const std::vector<HostFacts>& hosts,
              const std::vector<std::string>& roles, const comm::MpiSession* session,
              RunFiles& files);

}  // namespace stillhouse::cli
