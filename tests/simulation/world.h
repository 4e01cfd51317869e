#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/rng.h"
#include "tests/simulation/coverage.h"
#include "tests/simulation/event_queue.h"

namespace stillhouse::simulation {

/// How often things go wrong in one schedule. Every schedule draws its own mixture, so that some
/// see one fault alone and some see all of them at once.
struct FaultPlan {
  double delay_message = 0;  ///< chance of a message of the MPI plane
  double delay_frame = 0;    ///< chance of a frame
  double cut_frame = 0;      ///< chance of a frame that its connection is cut while it is under way
  double cut_at_ack = 0;     ///< chance of an Ack
  double duplicate_frame = 0;  ///< chance of a chunk or result that its worker sends it twice
  double split_frame = 0;      ///< chance that a frame arrives in two pieces
  int stops = 0;               ///< times that a student host is stopped, in one life of the job
  int pauses = 0;              ///< times that another rank is stopped for a moment
  int leaps = 0;               ///< times that the clock of a rank or worker leaps ahead
  int worker_kills = 0;
  bool rank_dies = false;      ///< a rank is killed, and the others live
  bool stop_for_good = false;  ///< the last stopped host is continued by the coordinator alone
  double slow_disk = 0;        ///< chance of an operation of a log that it takes long
  bool refuse_disk = false;    ///< the first life ends by a disk that is full or broken
  double lose_power = 0;       ///< deaths of the whole job are a loss of power
  bool guest = false;          ///< a worker joins from outside and leaves
  bool kill_shard = false;     ///< the first life ends by a killed shard, else by kill -9 of all
  /// Draws a mixture.
  static FaultPlan Draw(Rng& rng);
};

/// Messages that are not delayed take up to kLatency, delayed ones up to kLongestDelay more.
inline constexpr Time kLatency = std::chrono::milliseconds(2);
inline constexpr Time kLongestDelay = std::chrono::milliseconds(120);

/// Everything that happened, as a hash of its bytes; as text too when somebody wants to read it.
class Trace {
 public:
  /// The text goes to `log` from now on; null: none is made.
  void WriteTo(std::string* log) { log_ = log; }
  std::uint64_t Hash() const { return hash_; }

  void Message(Time now, std::string_view event, RoleAddress from, RoleAddress to, MessageKind kind,
               std::span<const std::uint8_t> body);
  void Frame(Time now, std::string_view event, std::uint64_t wire, FrameKind kind,
             std::span<const std::uint8_t> body);
  /// Anything else: a fault, a life's begin and end.
  void Note(Time now, const std::string& text);

 private:
  void Mix(std::uint64_t value);
  void Mix(std::string_view text);

  std::uint64_t hash_ = 0x5717;
  std::string* log_ = nullptr;
};

/// What one schedule is made of: time, chance, faults, and what has been seen of them.
struct World {
  explicit World(std::uint64_t world_seed)
      : seed(world_seed), rng(world_seed, 77), faults(FaultPlan::Draw(rng)) {}

  Time Now() const { return events.Now(); }
  bool Chance(double probability) { return probability > 0 && rng.Uniform() < probability; }
  /// Uniform in [least, most).
  Time Between(Time least, Time most) {
    return least + Time(static_cast<std::int64_t>(rng.Uniform() *
                                                  static_cast<double>((most - least).count())));
  }
  Time Latency() { return Between(Time(20000), kLatency); }
  void Note(const std::string& text) { trace.Note(Now(), text); }
  /// An invariant does not hold.
  void Violation(std::string text);

  std::uint64_t seed;
  Rng rng;
  FaultPlan faults;
  EventQueue events;
  Trace trace;
  Coverage coverage;
  std::vector<std::string> violations;
};

}  // namespace stillhouse::simulation
