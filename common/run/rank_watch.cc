#include "common/run/rank_watch.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace stillhouse {
namespace {
/// Nobody looked for so long: we were stopped ourselves, and others may not be blamed for it.
constexpr Time kOwnAbsence = std::chrono::seconds(1);
}  // namespace

RankWatch::RankWatch(std::uint32_t ranks, Limits limits) : limits_(limits), ranks_(ranks) {}

bool RankWatch::OnConnected(std::uint32_t rank) {
  Rank& r = ranks_.at(rank);
  if (r.dead || r.given_up) return false;
  r.connected = true;
  r.gone = false;
  r.lost_since.reset();
  return true;
}

void RankWatch::OnLost(std::uint32_t rank, const std::string& reason, Time now) {
  Rank& r = ranks_.at(rank);
  r.connected = false;
  r.lost_since = now;
  r.reason = reason;
}

void RankWatch::OnProcessGone(std::uint32_t rank) { ranks_.at(rank).gone = true; }

void RankWatch::OnGivenUp(std::uint32_t rank, const std::string& reason) {
  Rank& r = ranks_.at(rank);
  r.given_up = true;
  r.reason = reason;
}

std::vector<RankWatch::Death> RankWatch::Tick(Time now) {
  if (!started_) started_ = now;
  const Time absence = last_tick_ ? now - *last_tick_ : Time{};
  last_tick_ = now;
  if (absence > kOwnAbsence) {
    *started_ += absence;
    for (Rank& r : ranks_) {
      if (r.lost_since) *r.lost_since += absence;
    }
  }
  std::vector<Death> deaths;
  for (std::uint32_t rank = 1; rank < ranks_.size(); ++rank) {
    Rank& r = ranks_[rank];
    if (r.dead) continue;
    const bool late = r.lost_since && now - *r.lost_since > limits_.come_back;
    const bool never = !r.connected && !r.lost_since && now - *started_ > limits_.first_contact;
    if (!r.given_up && (r.connected || !(r.gone || late || never))) continue;
    r.dead = true;
    std::string reason = r.reason;
    if (never) reason = "it has never connected to rank 0";
    if (!r.given_up && !never) {
      reason = r.gone ? fmt::format("its process is gone ({})", r.reason)
                      : fmt::format("its control connection is lost ({}) and has not come back",
                                    r.reason);
    }
    deaths.push_back({rank, std::move(reason)});
  }
  return deaths;
}

std::vector<std::uint32_t> RankWatch::Missing() const {
  std::vector<std::uint32_t> missing;
  for (std::uint32_t rank = 1; rank < ranks_.size(); ++rank) {
    if (!ranks_[rank].connected && !ranks_[rank].dead) missing.push_back(rank);
  }
  return missing;
}

std::size_t RankWatch::Connected() const {
  return static_cast<std::size_t>(std::count_if(
      ranks_.begin(), ranks_.end(), [](const Rank& r) { return r.connected && !r.dead; }));
}

}  // namespace stillhouse
