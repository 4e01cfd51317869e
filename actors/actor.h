#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/messages/worker_plane.h"

namespace stillhouse::actors {

/// Frames of a worker on their way to the shards. A shard is named by its slot: its place in the
/// list of addresses that the worker was given.
class ShardLinks {
 public:
  virtual ~ShardLinks() = default;
  /// Takes the body. A frame for a shard without a connection may be dropped: what must not be
  /// lost is sent again after OnWelcome.
  virtual void Send(std::uint32_t slot, FrameKind kind, std::vector<std::uint8_t> body) = 0;
};

struct ActorOptions {
  std::uint64_t incarnation = 0;
  std::uint32_t index = 0;   ///< among the workers of the job: names streams and ladder places
  std::uint32_t slots = 1;   ///< shards that it is connected to, all or some of the job's; its home
                             ///< is index % slots, or another one when that shard has died
  std::string token{};       ///< of the job
  std::int32_t envs = 0;     ///< 0: the configuration's actors.envs_per_worker
  bool fixed_seeds = false;  ///< deterministic mode: streams do not depend on the incarnation
  std::uint64_t salt = 0;    ///< ... but on this
};

/// What a worker does, without I/O: plays for training, evaluates, sends experience until it is
/// acknowledged. Whoever drives it owns connections, clock and sleep.
///
/// Guarantees: chunks of one slot are numbered from 1 without gaps, and sent in that order; every
/// chunk stays here until its slot has acknowledged it and is sent again, to the same slot, after
/// each Welcome. A full window stops behaviour, never evaluation. Evaluation and behaviour take
/// turns, so neither starves the other.
class Actor {
 public:
  explicit Actor(const ActorOptions& options);
  ~Actor();

  /// The first frame of a new connection.
  Hello MakeHello(std::uint32_t slot);

  /// The shard took us. The first Welcome brings the configuration: environments and networks
  /// are made here (ConfigError when they cannot be). A Welcome to a Hello that named no
  /// environment is answered by one that does, and the shard welcomes us once more; then
  /// unacknowledged chunks go out again.
  void OnWelcome(std::uint32_t slot, const Welcome& welcome, Time now, ShardLinks& out);

  /// Any frame but Refused; a Welcome goes to OnWelcome. Throws WireError when it makes no sense.
  void OnFrame(std::uint32_t slot, FrameKind kind, std::span<const std::uint8_t> body, Time now,
               ShardLinks& out);

  void OnDisconnect(std::uint32_t slot);

  /// One slice of work: a step of all behaviour environments or of one evaluation (a fraction of
  /// a millisecond with small networks). True: there is more to do now. False: sleep until a
  /// frame comes or a few milliseconds have passed.
  bool Advance(Time now, ShardLinks& out);

  /// The run has ended (phase kEnd or Goodbye): leave.
  bool Finished() const;

  /// This worker is to go: no more steps and no evaluation from now on; Advance only sends what is
  /// finished. What is under way (chunks being filled, evaluation tasks) is dropped.
  void Leave();
  /// After Leave: everything sent is stored.
  bool Settled() const;

  /// The shard in this slot died for good and the others have said so: it needs no connection.
  bool Abandoned(std::uint32_t slot) const;

  /// Behaviour steps taken so far (not all of them stored yet), for tests and benchmarks.
  std::uint64_t Frames() const;
  /// Behaviour stands still because the window is full.
  bool Waiting() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stillhouse::actors
