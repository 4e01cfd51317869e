#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/byte_io.h"
#include "common/base/clock.h"

namespace stillhouse {

/// What a rank can play. Several roles may share a rank.
enum class RoleKind : std::uint8_t { kCoordinator, kLearner, kStudentHost, kShard, kActorHost };
inline constexpr RoleKind kLastRoleKind = RoleKind::kActorHost;

/// "shard", "student_host"...
const char* RoleName(RoleKind kind);

/// One role of the job. Messages go from role to role; where roles live is the router's matter.
struct RoleAddress {
  RoleKind kind = RoleKind::kCoordinator;
  std::uint16_t index = 0;
  auto operator<=>(const RoleAddress&) const = default;
  std::string ToString() const;
};

inline constexpr RoleAddress kCoordinatorAddress{RoleKind::kCoordinator, 0};

/// Every message of the cluster plane; the struct of the same name in cluster.h is its body.
enum class MessageKind : std::uint8_t {
  kSampleRequest,
  kSampleReply,
  kPriorityUpdate,
  kWeightsPublish,
  kLabelledBatch,
  kCredit,
  kShardReport,
  kInsertGrant,
  kSampleGrant,
  kLearnerReport,
  kStudentReport,
  kHostReport,
  kRankReport,
  kRunStatus,
  kPinRequest,
  kPinned,
  kEvaluationTask,
  kEvaluationResult,
  kEvaluationRelease,
  kEndpoint,
  kEndpointTable,
  kFreeze,
  kFrozen,
  kFailure,
  kLeave,
  kLeft,
  kCheckpointRequest,
  kCheckpointPart,
  kRestore,
  kShardPart,
  kRankDown,
  kBatchGrant,
  kGradientShare,
  kGradientMean,
};
inline constexpr MessageKind kLastMessageKind = MessageKind::kGradientMean;

const char* MessageName(MessageKind kind);

/// A message on its way. The body's grammar is its struct's codec.
struct Envelope {
  RoleAddress from;
  RoleAddress to;
  MessageKind kind{};
  std::vector<std::uint8_t> body;
};

/// On a byte transport an envelope is its body followed by this trailer, so that a body goes out
/// and comes in without being moved:  from(kind u8, index u16) to(kind u8, index u16) kind u8
/// version u8.
inline constexpr std::size_t kTrailerBytes = 8;
std::vector<std::uint8_t> PackEnvelope(Envelope envelope);
/// Throws WireError.
Envelope UnpackEnvelope(std::vector<std::uint8_t> bytes);

/// Where a role puts what it has to say. Implemented by drivers, the deterministic run, the
/// simulator and tests.
class Outbox {
 public:
  virtual ~Outbox() = default;
  virtual void Send(Envelope envelope) = 0;
};

/// A role as a driver sees it: a state machine, messages in, messages out. Never blocks.
class Role {
 public:
  virtual ~Role() = default;
  virtual RoleAddress Address() const = 0;
  virtual void Handle(const Envelope& envelope, Time now, Outbox& out) = 0;
  /// Called often (at least every few milliseconds of run time).
  virtual void Tick(Time now, Outbox& out) = 0;
};

/// Encodes `body` (a struct of cluster.h) and sends it.
template <typename Body>
void SendTo(Outbox& out, RoleAddress from, RoleAddress to, const Body& body) {
  ByteWriter writer(body.SizeHint() + kTrailerBytes);
  body.Encode(writer);
  out.Send({from, to, Body::kKind, writer.Take()});
}

/// Decodes the body of an envelope; throws WireError on anything that does not fit.
template <typename Body>
Body DecodeBody(const Envelope& envelope) {
  ByteReader reader(envelope.body, MessageName(envelope.kind));
  Body body = Body::Decode(reader);
  reader.ExpectEnd();
  return body;
}

}  // namespace stillhouse
