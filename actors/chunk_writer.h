#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "replay/chunk.h"

namespace stillhouse::actors {

/// What a ChunkWriter needs to know.
struct ChunkSettings {
  std::size_t packed_bytes = 0;  ///< of one observation
  std::uint32_t items = 32;      ///< items of a chunk
  std::uint32_t n_step = 3;
  double discount = 0.99;
};

/// Turns the steps of ONE environment into chunks: every step becomes an item exactly once, every
/// observation is stored once a chunk, and the n - 1 steps that complete the last windows are
/// carried over into the next chunk.
///
/// Calls alternate: AddState(s_0), AddStep, AddState(s_1), AddStep, ... After the step that ended
/// an episode the next state is the next episode's first.
class ChunkWriter {
 public:
  /// `first_items` (1 to settings.items) cuts the first chunk short, so that the environments of
  /// a worker do not all finish their chunks in the same step.
  ChunkWriter(const ChunkSettings& settings, std::uint32_t first_items);

  /// The state before the next step and max_a Q(s, a) of it; no value while no network acts.
  /// Returns a chunk when this state completes one; its incarnation, sequence and first_item are
  /// left to the sender.
  std::optional<replay::ExperienceChunk> AddState(std::span<const std::uint8_t> observation,
                                                  std::optional<float> value,
                                                  std::uint64_t weights_version);

  /// The step from that state; q is Q(s, action), of no meaning when the state had no value.
  /// flags: replay::kTerminated | replay::kTruncated.
  void AddStep(std::int32_t action, float q, float reward, std::uint8_t flags);
  /// The step that truncated (and did not terminate) an episode: also its last state and that
  /// state's value.
  void AddTruncatedStep(std::int32_t action, float q, float reward,
                        std::span<const std::uint8_t> final_observation,
                        std::optional<float> final_value);

  /// |TD error| given to items that no network has judged yet: what the textbook's "maximal
  /// priority for new transitions" (Schaul et al. 2016) is for clipped rewards.
  static constexpr float kUnjudged = 1.0F;

 private:
  struct Step {
    std::int32_t action;
    float q;
    float reward;
    std::uint8_t flags;
    float value;        ///< of the state before the step; NaN: unknown
    float final_value;  ///< of the last state, when truncated; NaN: unknown
  };
  replay::ExperienceChunk Cut(std::uint64_t weights_version);
  float TdError(std::size_t item) const;

  const ChunkSettings settings_;
  std::uint32_t items_;  ///< of the chunk being filled
  std::vector<Step> steps_;
  std::vector<std::uint8_t> observations_;  ///< rows; one more than steps after AddState
  std::vector<std::uint8_t> finals_;
  float next_value_ = 0;  ///< of the last row
};

}  // namespace stillhouse::actors
