#pragma once

#include <utility>
#include <vector>

#include "common/messages/envelope.h"

namespace stillhouse::testing_support {

/// Keeps what a role says, for a test to look at.
class CapturedOutbox final : public Outbox {
 public:
  void Send(Envelope envelope) override { envelopes.push_back(std::move(envelope)); }

  /// The bodies of all messages of this kind to `to`, oldest first.
  template <typename Body>
  std::vector<Body> To(RoleAddress to) const {
    std::vector<Body> bodies;
    for (const auto& envelope : envelopes) {
      if (envelope.to == to && envelope.kind == Body::kKind) {
        bodies.push_back(DecodeBody<Body>(envelope));
      }
    }
    return bodies;
  }
  void Clear() { envelopes.clear(); }

  std::vector<Envelope> envelopes;
};

/// A message as a role receives it.
template <typename Body>
Envelope From(RoleAddress from, RoleAddress to, const Body& body) {
  CapturedOutbox out;
  SendTo(out, from, to, body);
  return std::move(out.envelopes.front());
}

}  // namespace stillhouse::testing_support
