#include "cli/rank_runtime.h"

#include <algorithm>
#include <chrono>

namespace stillhouse::cli {
namespace {
using namespace std::chrono_literals;
// An idle process looks at MPI this often: the first waits are short because an answer is often
// near, the longest keeps a waiting rank below 2 % of a core.
constexpr Time kShortestSleep = 50us;
constexpr Time kLongestSleep = 2ms;
constexpr Time kRankReportEvery = 1s;
constexpr Time kDrainTimeout = 2s;
constexpr Time kOwnAbsence = 1s;
}  // namespace

RankRuntime::RankRuntime(const RoleLayout& layout, int rank, comm::Communicator* communicator,
                         EventLoop& loop, const Clock& clock, const Log& log)
    : layout_(layout),
      rank_(rank),
      communicator_(communicator),
      loop_(loop),
      clock_(clock),
      log_(log),
      busy_(clock.Now()),
      rank_zero_heard_(clock.Now()),
      last_delivery_(clock.Now()) {}

void RankRuntime::Add(Role& role, std::function<bool()> has_left) {
  roles_[role.Address()] = Hosted{&role, std::move(has_left)};
}

void RankRuntime::Send(Envelope envelope) {
  const int rank = layout_.RankOf(envelope.to.kind, envelope.to.index);
  if (rank == rank_ || communicator_ == nullptr) {
    local_.push_back(std::move(envelope));
  } else if (!dead_ranks_.contains(rank)) {
    communicator_->Send(rank, PackEnvelope(std::move(envelope)));
  }
}

void RankRuntime::Run(const std::function<bool()>& stop, const std::function<bool()>& may_end) {
  Time sleep = kShortestSleep;
  while (!stop() && !(AllLeft() && may_end())) {
    const bool worked = Turn();
    const std::size_t handlers = loop_.RunOnce(worked ? Time{0} : sleep);
    sleep = worked || handlers > 0 ? kShortestSleep : std::min(sleep * 2, kLongestSleep);
  }
  const Time deadline = clock_.Now() + kDrainTimeout;
  while (communicator_ != nullptr && communicator_->PendingSends() > 0 && clock_.Now() < deadline) {
    communicator_->Poll();
    loop_.RunOnce(kShortestSleep);
  }
}

bool RankRuntime::Turn() {
  const bool delivered = Deliver();
  const Time now = clock_.Now();
  TickRoles(now);
  ReportRank(now);
  return delivered || !local_.empty();
}

bool RankRuntime::Deliver() {
  bool any = false;
  if (communicator_ != nullptr) {
    const Time now = clock_.Now();
    // Nothing can be heard by one who is stopped.
    if (now - last_delivery_ > kOwnAbsence) rank_zero_heard_ += now - last_delivery_;
    last_delivery_ = now;
    for (auto& received : communicator_->Poll()) {
      if (received.rank == 0) rank_zero_heard_ = now;
      local_.push_back(UnpackEnvelope(std::move(received.bytes)));
    }
  }
  // Messages that handling one brings forth wait for the next turn: sockets get theirs first.
  for (std::size_t left = local_.size(); left > 0; --left) {
    const Envelope envelope = std::move(local_.front());
    local_.pop_front();
    Dispatch(envelope, clock_.Now());
    any = true;
  }
  return any;
}

void RankRuntime::OnRankDown(const RankDown& down) {
  Bury(down.rank);
  SendTo(*this, kCoordinatorAddress, kCoordinatorAddress, down);
}

void RankRuntime::Bury(std::uint32_t rank) {
  if (!dead_ranks_.insert(static_cast<int>(rank)).second) return;
  if (communicator_ != nullptr) communicator_->Forget(static_cast<int>(rank));
}

void RankRuntime::Dispatch(const Envelope& envelope, Time now) {
  if (envelope.kind == MessageKind::kRankDown) Bury(DecodeBody<RankDown>(envelope).rank);
  const auto found = roles_.find(envelope.to);
  if (found == roles_.end()) {
    throw WireError(fmt::format("{} from {} for {}, who does not live on rank {}",
                                MessageName(envelope.kind), envelope.from.ToString(),
                                envelope.to.ToString(), rank_));
  }
  Hosted& hosted = found->second;
  if (hosted.failed) {
    if (envelope.kind != MessageKind::kLeave) return;
    hosted.left = true;
    SendTo(*this, envelope.to, envelope.from, Left{});
    return;
  }
  try {
    hosted.role->Handle(envelope, now, *this);
  } catch (const Error& error) {
    OnFailure(hosted, error.what());
  }
}

void RankRuntime::TickRoles(Time now) {
  for (auto& [address, hosted] : roles_) {
    if (hosted.failed || hosted.left) continue;
    try {
      hosted.role->Tick(now, *this);
    } catch (const Error& error) {
      OnFailure(hosted, error.what());
    }
    hosted.left = hosted.has_left();
  }
}

void RankRuntime::OnFailure(Hosted& hosted, const std::string& what) {
  hosted.failed = true;
  const RoleAddress address = hosted.role->Address();
  log_.Error("{} failed: {}", address.ToString(), what);
  if (address == kCoordinatorAddress) throw CommError("coordinator failed: " + what);
  SendTo(*this, address, kCoordinatorAddress,
         Failure{fmt::format("rank {}: {}: {}", rank_, address.ToString(), what)});
}

void RankRuntime::ReportRank(Time now) {
  if (last_rank_report_ != Time{} && now - last_rank_report_ < kRankReportEvery) return;
  last_rank_report_ = now;
  RankReport report;
  report.rank = static_cast<std::uint32_t>(rank_);
  for (const auto& [address, hosted] : roles_) {
    report.roles += (report.roles.empty() ? "" : "+") + std::string(RoleName(address.kind));
  }
  report.host = HostName();
  report.pid = ProcessId();
  report.busy = busy_.Take(now);
  report.rss_bytes = ProcessRssBytes();
  SendTo(*this, roles_.begin()->first, kCoordinatorAddress, report);
}

bool RankRuntime::AllLeft() const {
  return std::all_of(roles_.begin(), roles_.end(),
                     [](const auto& entry) { return entry.second.left; });
}

}  // namespace stillhouse::cli
