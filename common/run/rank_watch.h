#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"

namespace stillhouse {

/// Who of the other ranks lives, as rank 0 judges by their control connections. Logic only.
///
/// A process that ends takes its connection with it. A connection that breaks while the process
/// lives comes back within moments, so a rank is dead when its process is known to be gone, or when
/// it has not come back in time. A stopped process is not dead: its machine keeps the connection.
class RankWatch {
 public:
  struct Limits {
    Time come_back = std::chrono::milliseconds(1500);
    Time first_contact = std::chrono::seconds(60);
  };
  struct Death {
    std::uint32_t rank = 0;
    std::string reason;
  };

  /// `ranks`: of the job; rank 0 is ours.
  explicit RankWatch(std::uint32_t ranks) : RankWatch(ranks, Limits{}) {}
  RankWatch(std::uint32_t ranks, Limits limits);

  /// False: it counts as dead, and may not come back.
  bool OnConnected(std::uint32_t rank);
  void OnLost(std::uint32_t rank, const std::string& reason, Time now);
  /// Its process is gone: there is nothing to wait for.
  void OnProcessGone(std::uint32_t rank);
  /// It is given up on, whatever it does.
  void OnGivenUp(std::uint32_t rank, const std::string& reason);

  /// Ranks that died since the last call; each once.
  std::vector<Death> Tick(Time now);
  /// Ranks that have no connection and are not dead yet.
  std::vector<std::uint32_t> Missing() const;
  std::size_t Connected() const;

 private:
  struct Rank {
    bool connected = false;
    bool dead = false;
    bool gone = false;  ///< process
    bool given_up = false;
    std::optional<Time> lost_since;
    std::string reason;
  };
  Limits limits_;
  std::vector<Rank> ranks_;  ///< [ranks]; the first is unused
  std::optional<Time> started_;
  std::optional<Time> last_tick_;
};

}  // namespace stillhouse
