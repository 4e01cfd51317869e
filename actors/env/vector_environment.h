#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "actors/env/environment.h"

namespace stillhouse::actors {

struct FinishedEpisode {
  std::uint32_t environment = 0;
  double episode_return = 0;  ///< undiscounted sum of rewards
  std::int64_t length = 0;    ///< steps
};

/// E environments of one kind stepped together; one that is done is reset at once, so there is
/// always a state to act in. Not thread-safe.
class VectorEnvironment {
 public:
  /// At least one environment, all with the same Spec(). Call Reset() or Load() next.
  explicit VectorEnvironment(std::vector<std::unique_ptr<Environment>> environments);

  std::size_t Size() const { return environments_.size(); }
  const EnvironmentSpec& Spec() const { return environments_.front()->Spec(); }

  /// Seeds and resets every environment. seeds [E].
  void Reset(std::span<const std::uint64_t> seeds);

  /// Steps every environment. actions [E], each in [0, A).
  void Step(std::span<const std::int32_t> actions);

  /// [E, PackedBytes]: the states to act in; for an environment that was done, the new
  /// episode's first one.
  std::span<const std::uint8_t> Observations() const { return observations_; }
  std::span<const std::uint8_t> Observation(std::size_t e) const { return Row(observations_, e); }

  /// Environment::Truth of the state to act in.
  std::optional<std::int32_t> Truth(std::size_t e) const { return environments_[e]->Truth(); }

  /// Of the last step, [E] each; all zero before the first one and after Load().
  std::span<const float> Rewards() const { return rewards_; }
  std::span<const std::uint8_t> Terminated() const { return terminated_; }
  std::span<const std::uint8_t> Truncated() const { return truncated_; }
  bool Done(std::size_t e) const { return (terminated_[e] | truncated_[e]) != 0; }

  /// The state that the last step led to, before any reset: where Observation(e) is of another
  /// episode, this is still of the old one. Packed.
  std::span<const std::uint8_t> FinalObservation(std::size_t e) const {
    return Row(Done(e) ? final_observations_ : observations_, e);
  }

  /// Of the episode that is running.
  double EpisodeReturn(std::size_t e) const { return returns_[e]; }
  std::int64_t EpisodeLength(std::size_t e) const { return lengths_[e]; }

  /// Those that ended since the last call, in order.
  std::vector<FinishedEpisode> TakeFinishedEpisodes();

  /// Everything but the last step's results: Load(Save()) into as many environments of the same
  /// kind continues identically. Load throws WireError.
  void Save(ByteWriter& out) const;
  void Load(ByteReader& in);

 private:
  std::span<std::uint8_t> Row(std::vector<std::uint8_t>& rows, std::size_t e) const {
    return std::span(rows).subspan(e * packed_bytes_, packed_bytes_);
  }
  std::span<const std::uint8_t> Row(const std::vector<std::uint8_t>& rows, std::size_t e) const {
    return std::span(rows).subspan(e * packed_bytes_, packed_bytes_);
  }
  void ClearResults();

  std::vector<std::unique_ptr<Environment>> environments_;
  std::size_t packed_bytes_ = 0;
  std::vector<std::uint8_t> observations_, final_observations_;
  std::vector<float> rewards_;
  std::vector<std::uint8_t> terminated_, truncated_;
  std::vector<double> returns_;
  std::vector<std::int64_t> lengths_;
  std::vector<FinishedEpisode> finished_;
};

}  // namespace stillhouse::actors
