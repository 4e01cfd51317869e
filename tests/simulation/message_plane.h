#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>

#include "common/messages/envelope.h"
#include "tests/simulation/planted_bug.h"
#include "tests/simulation/world.h"

namespace stillhouse::simulation {

/// The MPI plane: production envelopes as bytes, each after a random time; nothing is lost while
/// both ends live, and what one role sends to another arrives in order. Messages of other pairs
/// overtake one another.
class MessagePlane final : public Outbox {
 public:
  /// `sending` sees every message as it leaves, `deliver` takes it when it arrives.
  MessagePlane(World& world, MessageTampering& tampering,
               std::function<void(const Envelope&)> sending, std::function<void(Envelope)> deliver)
      : world_(world),
        tampering_(tampering),
        sending_(std::move(sending)),
        deliver_(std::move(deliver)) {}

  void Send(Envelope envelope) override;
  /// Everything that is under way to or from this role counts as hit: its process is dead.
  void DropOf(RoleAddress role, Fault fault);
  void DropAll(Fault fault);

 private:
  struct UnderWay {
    RoleAddress from;
    RoleAddress to;
    MessageKind kind{};
  };
  void Arrive(std::uint64_t number, std::vector<std::uint8_t> bytes);

  World& world_;
  MessageTampering& tampering_;
  std::function<void(const Envelope&)> sending_;
  std::function<void(Envelope)> deliver_;
  std::uint64_t next_ = 1;
  std::map<std::uint64_t, UnderWay> under_way_;
  std::map<RoleAddress, std::set<std::uint64_t>> coming_;  ///< numbers on their way to a role
  std::map<std::pair<RoleAddress, RoleAddress>, Time> last_arrival_;
};

}  // namespace stillhouse::simulation
