#include "tests/simulation/message_plane.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace stillhouse::simulation {

void MessagePlane::Send(Envelope envelope) {
  sending_(envelope);
  tampering_.OnSend(envelope);
  world_.trace.Message(world_.Now(), "sent", envelope.from, envelope.to, envelope.kind,
                       envelope.body);
  Time takes = world_.Latency();
  if (world_.Chance(world_.faults.delay_message)) {
    takes += world_.Between({}, kLongestDelay);
    world_.coverage.Hit(Fault::kDelayed, envelope.kind);
  }
  const std::uint64_t number = next_++;
  under_way_[number] = {envelope.from, envelope.to, envelope.kind};
  coming_[envelope.to].insert(number);
  Time& last = last_arrival_[{envelope.from, envelope.to}];
  last = std::max(last, world_.Now() + takes);
  world_.events.At(last, [this, number, bytes = PackEnvelope(std::move(envelope))]() mutable {
    Arrive(number, std::move(bytes));
  });
}

void MessagePlane::Arrive(std::uint64_t number, std::vector<std::uint8_t> bytes) {
  const auto found = under_way_.find(number);
  if (found == under_way_.end()) return;  // dropped
  under_way_.erase(found);
  Envelope envelope = UnpackEnvelope(std::move(bytes));
  auto& coming = coming_[envelope.to];
  if (*coming.begin() < number) world_.coverage.Hit(Fault::kReordered, envelope.kind);
  coming.erase(number);
  world_.trace.Message(world_.Now(), "arrived", envelope.from, envelope.to, envelope.kind,
                       envelope.body);
  deliver_(std::move(envelope));
}

void MessagePlane::DropOf(RoleAddress role, Fault fault) {
  for (auto it = under_way_.begin(); it != under_way_.end();) {
    if (it->second.from != role && it->second.to != role) {
      ++it;
      continue;
    }
    world_.coverage.Hit(fault, it->second.kind);
    coming_[it->second.to].erase(it->first);
    it = under_way_.erase(it);
  }
}

void MessagePlane::DropAll(Fault fault) {
  for (const auto& [number, message] : under_way_) world_.coverage.Hit(fault, message.kind);
  under_way_.clear();
  coming_.clear();
}

}  // namespace stillhouse::simulation
