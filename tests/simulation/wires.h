#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "common/messages/worker_plane.h"
#include "common/net/frame.h"
#include "tests/simulation/world.h"

namespace stillhouse::simulation {

/// The two ends of a connection.
enum class Side : std::uint8_t { kShard, kWorker };

/// What a connection tells its ends.
class WireEnds {
 public:
  virtual ~WireEnds() = default;
  virtual void OnWireFrame(std::uint64_t wire, Side at, FrameKind kind,
                           std::span<const std::uint8_t> body) = 0;
  /// The end at `at` has noticed that the connection is gone.
  virtual void OnWireLost(std::uint64_t wire, Side at) = 0;
};

/// The worker plane's TCP connections: production frames as bytes, in order, after a random time,
/// now and then in two pieces. A cut loses what is under way, and each end notices it in its own
/// time, so that a worker may be back before its shard knows that it was gone.
class Wires {
 public:
  Wires(World& world, WireEnds& ends) : world_(world), ends_(ends) {}

  /// A new connection, open at both ends. `process` and `shard` name the ends in what overtakes
  /// what. Numbers are never used twice.
  std::uint64_t Open(std::uint64_t process, std::uint64_t shard);
  /// What is sent at an end that has not noticed a cut is lost, at one that has it is dropped.
  void Send(std::uint64_t wire, Side from, FrameKind kind, std::span<const std::uint8_t> body);
  /// The shard's end takes no more frames, until it does again.
  void SetReading(std::uint64_t wire, bool reading);
  /// What this end has sent still arrives, then the other end notices.
  void Close(std::uint64_t wire, Side by);
  /// The process at this end is dead: what it had sent arrives or does not.
  void Die(std::uint64_t wire, Side at, Fault fault);
  void Cut(std::uint64_t wire, Fault fault);
  /// Everything ends at once: what is under way counts as hit by `fault`.
  void DropAll(Fault fault);

  std::vector<std::uint64_t> All() const;

 private:
  struct UnderWay {
    std::uint64_t number = 0;
    FrameKind kind{};
  };
  struct Direction {
    FrameParser parser{std::size_t{64} << 20U};
    std::deque<UnderWay> frames;  ///< sent and not delivered
    std::deque<std::vector<std::uint8_t>> unread;
    Time last_arrival{};
    bool reading = true;
    bool delivering = false;
    bool lost = false;  ///< nothing more arrives
  };
  struct Wire {
    std::uint64_t ends[2] = {0, 0};  ///< by Side: who reads there
    Direction to[2];                 ///< by Side
    bool open[2] = {true, true};     ///< by Side: has not noticed an end
  };
  static std::size_t At(Side side) { return static_cast<std::size_t>(side); }
  static Side Other(Side side) { return side == Side::kShard ? Side::kWorker : Side::kShard; }
  std::set<std::uint64_t>& Coming(const Wire& wire, Side to);
  void Arrive(std::uint64_t wire, Side to, std::vector<std::uint8_t> bytes);
  void Drain(std::uint64_t wire, Side to);
  void Lose(Wire& wire, Side to, Fault fault);
  void NoticeAt(std::uint64_t wire, Side at, Time when);
  Wire* Find(std::uint64_t wire);

  World& world_;
  WireEnds& ends_;
  std::map<std::uint64_t, Wire> wires_;
  std::uint64_t next_wire_ = 1;
  std::uint64_t next_frame_ = 1;
  /// (reader's side, reader) -> numbers of the frames on their way to it, over all connections.
  std::map<std::pair<Side, std::uint64_t>, std::set<std::uint64_t>> coming_;
};

}  // namespace stillhouse::simulation
