#pragma once

#include <cstdint>
#include <vector>

#include "common/messages/envelope.h"

namespace stillhouse {

/// The number that stands for "no network: uniform random actions".
inline constexpr std::uint16_t kRandomModel = 0xffff;

/// Coordinator -> learner, student hosts: publish what you have now under this round's number
/// and keep it (WeightsPublish with pin = round), then answer with Pinned.
struct PinRequest {
  static constexpr MessageKind kKind = MessageKind::kPinRequest;
  std::uint32_t round = 0;
  std::size_t SizeHint() const { return 4; }
  void Encode(ByteWriter& out) const { out.Put(round); }
  static PinRequest Decode(ByteReader& in) { return {in.Get<std::uint32_t>()}; }
};

/// A model's version that a round of evaluation plays.
struct ModelVersion {
  std::uint16_t model = 0;
  std::uint64_t version = 0;
  std::uint64_t updates = 0;  ///< of the model itself, when it was pinned
  bool operator==(const ModelVersion&) const = default;
};

/// Learner, student host -> coordinator: these are pinned.
struct Pinned {
  static constexpr MessageKind kKind = MessageKind::kPinned;
  std::uint32_t round = 0;
  std::vector<ModelVersion> models;
  std::size_t SizeHint() const { return 8 + models.size() * 18; }
  void Encode(ByteWriter& out) const;
  static Pinned Decode(ByteReader& in);
};

/// Coordinator -> shard -> worker: play these seeds to their end with this model. At every state
/// visited the `compare` models are asked too, and set against `reference` (the teacher).
struct EvaluationTask {
  static constexpr MessageKind kKind = MessageKind::kEvaluationTask;
  std::uint64_t task = 0;  ///< unique in the run
  std::uint32_t round = 0;
  std::uint64_t worker = 0;  ///< incarnation it is meant for
  ModelVersion player;       ///< model kRandomModel: uniform random actions, no network
  double epsilon = 0;
  std::uint32_t max_steps = 0;
  std::vector<std::uint64_t> seeds;
  ModelVersion reference;  ///< used only when `compare` is not empty
  std::vector<ModelVersion> compare;
  std::size_t SizeHint() const { return 96 + seeds.size() * 8 + compare.size() * 18; }
  void Encode(ByteWriter& out) const;
  static EvaluationTask Decode(ByteReader& in);
};

/// One seed played to its end (or max_steps).
struct EvaluationEpisode {
  std::uint64_t seed = 0;
  float episode_return = 0;
  std::uint32_t length = 0;
};

/// Sums over the states visited: divide by `states`.
struct Comparison {
  std::uint16_t model = 0;
  std::uint64_t states = 0;
  std::uint64_t agreeing = 0;  ///< greedy actions equal, equivalent actions counted equal
  double regret = 0;           ///< (max Q_t - Q_t(a_s)) / (max Q_t - min Q_t), 0 where flat
  double kl = 0;               ///< KL(softmax(Q_t / tau) || softmax(Q_s)) at the student's own tau
  /// The teacher's action gap: max Q_t less the best Q_t of an action that is not its equivalent.
  double gap = 0;
  double gap_agreeing = 0;  ///< the gaps of the agreeing states alone
  double q_error = 0;       ///< mean over actions of ((Q_s - mean Q_s) - (Q_t - mean Q_t))^2
  static constexpr std::size_t kBytes = 58;
  /// All sums but `model`.
  void Add(const Comparison& part);
};

/// Worker -> shard -> coordinator.
struct EvaluationResult {
  static constexpr MessageKind kKind = MessageKind::kEvaluationResult;
  std::uint64_t task = 0;
  std::uint32_t round = 0;
  std::uint16_t player = 0;
  std::vector<EvaluationEpisode> episodes;
  std::vector<Comparison> comparisons;
  std::size_t SizeHint() const {
    return 32 + episodes.size() * 16 + comparisons.size() * Comparison::kBytes;
  }
  void Encode(ByteWriter& out) const;
  static EvaluationResult Decode(ByteReader& in);
};

/// Coordinator -> shards: the pinned weights of this round may go.
struct EvaluationRelease {
  static constexpr MessageKind kKind = MessageKind::kEvaluationRelease;
  std::uint32_t round = 0;
  std::size_t SizeHint() const { return 4; }
  void Encode(ByteWriter& out) const { out.Put(round); }
  static EvaluationRelease Decode(ByteReader& in) { return {in.Get<std::uint32_t>()}; }
};

}  // namespace stillhouse
