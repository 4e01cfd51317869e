#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/messages/envelope.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_processes.h"

namespace stillhouse::simulation {

/// Errors that tests put between the production roles, to see that the schedules find them.
enum class PlantedBug : std::uint8_t {
  kNone,
  /// A shard acknowledges a chunk when it arrives, stored or parked.
  kAckBeforeStore,
  /// When a worker is cut off its shard forgets the newest chunk that it has stored of it.
  kForgetSequence,
  /// The learner is granted twice the samples.
  kDoubledGrant,
  /// The teacher waits until every student host has credit for its batch.
  kWaitForCredits,
  /// A shard loses the results that workers send again after a cut, and the first ones of some.
  kLostResult,
  /// What a checkpoint says of the learner is one update old.
  kStaleCheckpoint,
  /// A shard hands out the parameters of one version as those of the next.
  kStaleWeights,
  /// What was learnt from an item becomes the priority of its neighbour.
  kShiftedPriorities,
  /// The learner believes that student hosts have room for twice as many batches.
  kDoubledCredits,
  /// An actor host does not hear of workers that were killed.
  kUnnoticedExit,
  /// One seed of an evaluation is another on its way.
  kWrongSeed,
  /// Shards are granted more inserts than the limiter allows.
  kLooseGrant,
  /// A learner beside the first steps along a gradient that is not that of the others.
  kOtherGradient,
  // In the durable store.
  /// The disk says that it is done when it has not begun.
  kAckBeforeWrite,
  /// The log does not know whose chunks it holds.
  kForgottenWorkers,
  /// A segment is removed as soon as the next one begins.
  kRetiredEarly,
  /// A record of which a part was written is taken for whole.
  kAcceptedTear,
  /// A resume takes the priorities of an older checkpoint.
  kOldPriorities,
};
inline constexpr PlantedBug kLastBug = PlantedBug::kOldPriorities;

/// What writes the log of a shard in a run with this bug in it.
std::unique_ptr<SimDevice> MakeSimDevice(PlantedBug bug, World& world, SimFolder& folder, bool sync,
                                         std::function<void()> on_progress);

const char* BugName(PlantedBug bug);
/// kNone for a name that is none.
PlantedBug BugOf(const std::string& name);

/// What starts the workers of one actor host in a run with this bug in it.
std::unique_ptr<SimProcesses::Launcher> MakeLauncher(PlantedBug bug, SimProcesses& processes);

/// The bugs that live in messages between roles.
class MessageTampering {
 public:
  explicit MessageTampering(PlantedBug bug) : bug_(bug) {}
  /// A message on its way; it may come out changed.
  void OnSend(Envelope& envelope);
  /// The teacher may not finish its update yet.
  bool HoldsTeacher() const;

 private:
  PlantedBug bug_;
  std::map<std::uint16_t, std::int64_t> credits_;  ///< of each student host, as of its own sending
};

}  // namespace stillhouse::simulation
