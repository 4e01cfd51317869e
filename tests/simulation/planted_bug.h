#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/messages/envelope.h"

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
};
inline constexpr PlantedBug kLastBug = PlantedBug::kStaleCheckpoint;

const char* BugName(PlantedBug bug);
/// kNone for a name that is none.
PlantedBug BugOf(const std::string& name);

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
