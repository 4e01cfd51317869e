#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/comm/communicator.h"
#include "common/messages/control.h"
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

  /// Runs until `stop` says so, or every role has left and what they sent is delivered.
  void Run(const std::function<bool()>& stop);

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
  BusyMeter busy_;
  Time last_rank_report_{};
};

}  // namespace stillhouse::cli
