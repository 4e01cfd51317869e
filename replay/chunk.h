#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/ids.h"
#include "common/base/tensor_spec.h"
#include "replay/n_step.h"

namespace stillhouse::replay {

/// Upper bound of steps in one chunk, whatever the configuration says.
inline constexpr std::uint32_t kMaxChunkSteps = 65535;

/// Consecutive steps of ONE environment, as a worker fills them. The first `items` steps are
/// items of the store; the steps after them only complete their n-step windows and are sent
/// again as items of the next chunk.
struct ExperienceChunk {
  std::uint64_t incarnation = 0;
  std::uint64_t sequence = 0;    ///< per (incarnation, shard), from 1, without gaps
  std::uint64_t first_item = 0;  ///< item i has the key (incarnation, first_item + i), for ever
  std::uint64_t weights_version = 0;  ///< of the network that acted
  std::vector<std::int32_t> actions;  ///< [steps]
  std::vector<float> rewards;         ///< [steps]
  std::vector<std::uint8_t> flags;    ///< [steps] kTerminated | kTruncated
  std::vector<float> td_errors;       ///< [items] the actor's own |TD error|
  /// Packed, [steps + 1]: row t is the state before step t, row t + 1 the one after it or, when
  /// step t ended an episode, the next episode's first state.
  std::vector<std::uint8_t> observations;
  /// Packed: the last states of steps that were truncated and not terminated, in order.
  std::vector<std::uint8_t> final_observations;

  /// The bytes that travel and are stored. Sizes that do not fit together are a bug (SH_CHECK).
  std::vector<std::uint8_t> Encode(const EnvironmentSpec& spec) const;
};

/// The numbers that place every array of an encoded chunk.
struct ChunkShape {
  std::uint32_t items = 0;
  std::uint32_t steps = 0;
  std::uint32_t finals = 0;        ///< final observations
  std::uint32_t action_bytes = 0;  ///< 1 when A <= 256, else 4
  std::uint32_t packed_bytes = 0;  ///< of one observation

  /// A row is a step: reward, flags, action, and the observation before it; the last row has
  /// only the observation. So one transition is one short run of bytes.
  std::size_t RowBytes() const { return ScalarBytes() + packed_bytes; }
  std::size_t ScalarBytes() const { return std::size_t{5} + action_bytes; }
  std::size_t RowAt(std::size_t row) const;
  std::size_t ObservationAt(std::size_t row) const { return RowAt(row) + ScalarBytes(); }
  std::size_t FinalsAt() const { return RowAt(std::size_t{steps} + 1); }
  std::size_t TdErrorsAt() const;  ///< they stand last: a store may drop them
  std::size_t Bytes() const;
};

/// One n-step transition, read in place: pointers are into the chunk.
struct TransitionView {
  const std::uint8_t* observation = nullptr;
  const std::uint8_t* next_observation = nullptr;  ///< of no meaning when discount is 0
  std::int32_t action = 0;
  float reward = 0;    ///< n-step sum
  float discount = 0;  ///< gamma^length, 0 after termination
};

/// Reads item i (< shape.items) of a chunk that has been validated. The bytes from TdErrorsAt()
/// on are not touched.
TransitionView ReadTransition(const std::uint8_t* bytes, const ChunkShape& shape, std::uint32_t i,
                              std::uint32_t n_step, double gamma);

/// An encoded chunk, borrowed. Construction validates everything; nothing after it can fail.
class ChunkView {
 public:
  /// Throws WireError with what was expected and found: another format, sizes that do not add up,
  /// actions or flags out of range, numbers that are not finite, an item without its whole n-step
  /// window.
  ChunkView(std::span<const std::uint8_t> bytes, const EnvironmentSpec& spec, std::uint32_t n_step);

  const ChunkShape& Shape() const { return shape_; }
  std::uint32_t Items() const { return shape_.items; }
  std::uint32_t Steps() const { return shape_.steps; }
  std::uint64_t IncarnationValue() const { return incarnation_; }
  std::uint64_t Sequence() const { return sequence_; }
  std::uint64_t FirstItem() const { return first_item_; }
  std::uint64_t WeightsVersion() const { return weights_version_; }
  std::span<const std::uint8_t> Bytes() const { return bytes_; }

  float Reward(std::uint32_t step) const;
  std::uint8_t Flags(std::uint32_t step) const;
  std::int32_t Action(std::uint32_t step) const;
  float TdError(std::uint32_t item) const;
  /// row < steps + 1.
  const std::uint8_t* Observation(std::uint32_t row) const;

  /// i < Items().
  TransitionView Transition(std::uint32_t i, std::uint32_t n_step, double gamma) const {
    return ReadTransition(bytes_.data(), shape_, i, n_step, gamma);
  }

 private:
  void CheckContents(const EnvironmentSpec& spec) const;
  void CheckWindows(std::uint32_t n_step) const;

  std::span<const std::uint8_t> bytes_;
  ChunkShape shape_;
  std::uint64_t incarnation_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint64_t first_item_ = 0;
  std::uint64_t weights_version_ = 0;
};

}  // namespace stillhouse::replay
