#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/control_plane.h"
#include "cli/job.h"
#include "common/comm/mpi_session.h"
#include "common/messages/rank_down.h"
#include "common/net/listen_address.h"
#include "common/telemetry/log.h"

namespace stillhouse::cli {

/// This rank's end of the control connections, hub or spoke, and what it means for the job.
class RankControl {
 public:
  /// Collective: rank 0 listens where its host serves (`actors.listen`) and tells everyone.
  /// Throws ConfigError on every rank when it cannot. All references outlive this.
  RankControl(const comm::MpiSession& session, const Job& job, const std::vector<HostFacts>& hosts,
              EventLoop& loop, const Clock& clock, const Log& log);

  /// Rank 0: processes that died since the last call. Looks a few dozen times a second.
  std::vector<RankDown> TakeDeaths();
  /// Rank 0: this rank is held for dead from now on, and hears so when it can.
  void GiveUp(std::uint32_t rank, const std::string& reason);
  bool HasStrays() const { return hub_ && hub_->HasStrays(); }
  /// The others: rank 0 lives, and goes on without this one.
  bool GivenUp() const { return spoke_ && spoke_->GivenUp(); }
  /// The others: why there is no job any more.
  std::optional<std::string> Orphaned();
  /// The others: rank 0 has said how to leave.
  std::optional<Parting> Dismissed() const;
  /// Rank 0, at the end: has everyone leave, and waits until they have read it (a few seconds at
  /// most).
  void SayGoodbye(Parting parting);

 private:
  const Job& job_;
  const std::vector<HostFacts>& hosts_;
  EventLoop& loop_;
  const Clock& clock_;
  std::optional<ControlHub> hub_;
  std::optional<ControlSpoke> spoke_;
  Time last_look_{};
};

/// Ends the process when what every rank does together before the job starts (reading, checking,
/// agreeing) is not over in ten minutes: with a dead rank MPI would wait for ever.
class SetupLimit {
 public:
  SetupLimit();
  ~SetupLimit();
  SetupLimit(const SetupLimit&) = delete;
  SetupLimit& operator=(const SetupLimit&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What becomes of status.json when rank 0 dies: one of the others, `rank`, says so in its place,
/// where it can see the run directory. Waits for lower ranks to do it first.
void TellOfRankZero(const std::filesystem::path& run_directory, std::uint32_t attempt, int rank,
                    const std::string& reason);

/// For scripts whose launcher does not pass an exit status through: rank 0's, in the file that
/// STILLHOUSE_STATUS_FILE names.
void TellStatus(int status);

}  // namespace stillhouse::cli
