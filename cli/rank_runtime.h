#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/comm/communicator.h"
#include "common/messages/control.h"
#include "common/messages/rank_down.h"
#include "common/net/event_loop.h"
#include "common/run/role_layout.h"
#include "common/telemetry/log.h"
#include "common/telemetry/process_stats.h"

namespace stillhouse::cli {

/// One process of the job: hosts the roles of its rank, routes messages between them and to other
/// ranks, and polls MPI from its event loop, hot while there is work and asleep when there is
/// none. A role that throws is taken out and reported to the coordinator.
class RankRuntime final : public Outbox {
 public:
  /// `communicator` may be null: then all roles live here. All references outlive the runtime.
  RankRuntime(const RoleLayout& layout, int rank, comm::Communicator* communicator, EventLoop& loop,
              const Clock& clock, const Log& log);

  /// `has_left` says when the role needs no more turns. The role is borrowed.
  void Add(Role& role, std::function<bool()> has_left);

  /// Runs until `stop` says so, or every role has left and `may_end` holds, and what they sent is
  /// delivered.
  void Run(const std::function<bool()>& stop, const std::function<bool()>& may_end);

  /// A process has died: nothing goes there any more, and the coordinator, who lives here, hears of
  /// it. The other ranks' runtimes hear of it from its messages.
  void OnRankDown(const RankDown& down);
  /// How long rank 0 has sent nothing, while we listened.
  Time RankZeroSilence() const { return clock_.Now() - rank_zero_heard_; }
  /// Nothing goes to this rank any more, nothing is awaited from it.
  void Bury(std::uint32_t rank);
  /// Some rank has died.
  bool Degraded() const { return !dead_ranks_.empty(); }

  void Send(Envelope envelope) override;

 private:
  struct Hosted {
    Role* role = nullptr;
    std::function<bool()> has_left;
    bool failed = false;
    bool left = false;
  };

  bool Turn();
  bool Deliver();
  void Dispatch(const Envelope& envelope, Time now);
  void OnFailure(Hosted& hosted, const std::string& what);
  void TickRoles(Time now);
  void ReportRank(Time now);
  bool AllLeft() const;

  const RoleLayout& layout_;
  const int rank_;
  comm::Communicator* communicator_;
  EventLoop& loop_;
  const Clock& clock_;
  const Log& log_;
  std::map<RoleAddress, Hosted> roles_;
  std::deque<Envelope> local_;
  std::set<int> dead_ranks_;
  BusyMeter busy_;
  Time last_rank_report_{};
  Time rank_zero_heard_;
  Time last_delivery_;
};

}  // namespace stillhouse::cli
