#include "common/messages/envelope.h"

namespace stillhouse {
namespace {
constexpr std::uint8_t kVersion = 4;
}

const char* RoleName(RoleKind kind) {
  switch (kind) {
    case RoleKind::kCoordinator:
      return "coordinator";
    case RoleKind::kLearner:
      return "learner";
    case RoleKind::kStudentHost:
      return "student_host";
    case RoleKind::kShard:
      return "shard";
    case RoleKind::kActorHost:
      return "actor_host";
  }
  return "unknown";
}

const char* MessageName(MessageKind kind) {
  static constexpr const char* kNames[] = {"sample_request",
                                           "sample_reply",
                                           "priority_update",
                                           "weights_publish",
                                           "labelled_batch",
                                           "credit",
                                           "shard_report",
                                           "insert_grant",
                                           "sample_grant",
                                           "learner_report",
                                           "student_report",
                                           "host_report",
                                           "rank_report",
                                           "run_status",
                                           "pin_request",
                                           "pinned",
                                           "evaluation_task",
                                           "evaluation_result",
                                           "evaluation_release",
                                           "endpoint",
                                           "endpoint_table",
                                           "freeze",
                                           "frozen",
                                           "failure",
                                           "leave",
                                           "left",
                                           "checkpoint_request",
                                           "checkpoint_part",
                                           "restore",
                                           "shard_part",
                                           "rank_down",
                                           "batch_grant",
                                           "gradient_share",
                                           "gradient_mean"};
  static_assert(std::size(kNames) == static_cast<std::size_t>(kLastMessageKind) + 1);
  const auto at = static_cast<std::size_t>(kind);
  return at < std::size(kNames) ? kNames[at] : "unknown";
}

std::string RoleAddress::ToString() const { return fmt::format("{} {}", RoleName(kind), index); }

std::vector<std::uint8_t> PackEnvelope(Envelope envelope) {
  auto& bytes = envelope.body;
  const std::uint8_t trailer[kTrailerBytes] = {
      static_cast<std::uint8_t>(envelope.from.kind),
      static_cast<std::uint8_t>(envelope.from.index & 0xff),
      static_cast<std::uint8_t>(envelope.from.index >> 8),
      static_cast<std::uint8_t>(envelope.to.kind),
      static_cast<std::uint8_t>(envelope.to.index & 0xff),
      static_cast<std::uint8_t>(envelope.to.index >> 8),
      static_cast<std::uint8_t>(envelope.kind),
      kVersion};
  bytes.insert(bytes.end(), std::begin(trailer), std::end(trailer));
  return std::move(bytes);
}

Envelope UnpackEnvelope(std::vector<std::uint8_t> bytes) {
  if (bytes.size() < kTrailerBytes) {
    throw WireError(fmt::format("message of {} bytes: too short", bytes.size()));
  }
  const std::uint8_t* t = bytes.data() + bytes.size() - kTrailerBytes;
  const auto last_role = static_cast<std::uint8_t>(kLastRoleKind);
  if (t[7] != kVersion || t[0] > last_role || t[3] > last_role ||
      t[6] > static_cast<std::uint8_t>(kLastMessageKind)) {
    throw WireError(fmt::format("message of version {}, kind {}: not one of ours", t[7], t[6]));
  }
  Envelope envelope;
  envelope.from = {static_cast<RoleKind>(t[0]), static_cast<std::uint16_t>(t[1] | (t[2] << 8))};
  envelope.to = {static_cast<RoleKind>(t[3]), static_cast<std::uint16_t>(t[4] | (t[5] << 8))};
  envelope.kind = static_cast<MessageKind>(t[6]);
  bytes.resize(bytes.size() - kTrailerBytes);
  envelope.body = std::move(bytes);
  return envelope;
}

}  // namespace stillhouse
