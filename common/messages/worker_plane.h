#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/tensor_spec.h"
#include "common/messages/control.h"
#include "common/messages/evaluation.h"

namespace stillhouse {

/// Frames between a worker and a shard. After each name: who sends it.
enum class FrameKind : std::uint8_t {
  kHello,             ///< worker: the first frame, with the token
  kWelcome,           ///< shard
  kRefused,           ///< shard: a reason in words, then it closes
  kChunk,             ///< worker: an experience chunk (replay/chunk.h)
  kAck,               ///< shard
  kStatus,            ///< shard
  kWeightsRequest,    ///< worker
  kWeightsReply,      ///< shard
  kEvaluationTask,    ///< shard: EvaluationTask
  kEvaluationResult,  ///< worker: EvaluationResult
  kWorkerReport,      ///< worker
  kGoodbye,           ///< either
};
inline constexpr FrameKind kLastFrameKind = FrameKind::kGoodbye;
inline constexpr std::uint16_t kWorkerProtocolVersion = 4;

/// The token stands first and is compared before anything else of the frame is read.
struct Hello {
  std::string token;
  std::uint16_t protocol = kWorkerProtocolVersion;
  std::uint64_t incarnation = 0;
  bool home = false;  ///< this shard is the one that gets reports and hands out evaluation tasks
  EnvironmentSpec environment;  ///< empty id on a first contact: the worker does not know it yet
  void Encode(ByteWriter& out) const;
  static Hello Decode(ByteReader& in);
};

struct Welcome {
  std::uint32_t shard = 0;
  std::uint32_t shards = 0;
  std::string config;               ///< the resolved configuration, YAML
  std::uint64_t last_sequence = 0;  ///< newest chunk of this incarnation that is stored
  void Encode(ByteWriter& out) const;
  static Welcome Decode(ByteReader& in);
};

/// Every chunk of this incarnation up to `sequence` is stored.
struct Ack {
  std::uint64_t sequence = 0;
  std::uint64_t shard_size = 0;  ///< items held: workers spread their chunks by fill
  void Encode(ByteWriter& out) const;
  static Ack Decode(ByteReader& in);
};

struct WorkerStatus {
  RunStatus run;
  std::uint64_t teacher_version = 0;  ///< of the model that acts (actors.policy), the newest in
                                      ///< this shard's cache; 0 = none yet
  std::uint64_t shard_size = 0;
  std::uint64_t guest_version = 0;  ///< the same of actors.mix.model
  void Encode(ByteWriter& out) const;
  static WorkerStatus Decode(ByteReader& in);
};

/// version 0 asks for the newest. A version that has not arrived yet is answered when it does.
struct WeightsRequest {
  std::uint16_t model = 0;
  std::uint64_t version = 0;
  void Encode(ByteWriter& out) const;
  static WeightsRequest Decode(ByteReader& in);
};

struct WeightsReply {
  std::uint16_t model = 0;
  std::uint64_t version = 0;
  std::vector<float> parameters;  ///< empty: that version is gone
  void Encode(ByteWriter& out) const;
  static WeightsReply Decode(ByteReader& in);
};

struct WorkerReport {
  std::vector<EpisodeRecord> episodes;  ///< behaviour episodes finished since the last report
  double epsilon_mean = 0;
  bool waiting = false;  ///< blocked by unacknowledged chunks (the rate limiter)
  void Encode(ByteWriter& out) const;
  static WorkerReport Decode(ByteReader& in);
};

}  // namespace stillhouse
