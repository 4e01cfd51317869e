#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "actors/chunk_writer.h"
#include "actors/env/vector_environment.h"
#include "common/base/action_mask.h"
#include "common/base/rng.h"
#include "common/config/run_config.h"
#include "common/messages/control.h"
#include "common/model/native_network.h"
#include "replay/chunk.h"

namespace stillhouse::actors {

struct BehaviourSettings {
  std::uint64_t seed = 1;         ///< of the run
  std::uint64_t salt = 0;         ///< differs between restarts of a worker; 0 in fixed runs
  std::uint64_t first_index = 0;  ///< job-wide index of the first environment
  std::uint64_t total = 1;        ///< environments of the job: the ladder's length
  ExplorationSettings exploration;
  /// Of the episodes that begin, in frames of the run: the guest's. nullopt: there is no guest.
  std::optional<Schedule> guest_share;
  ChunkSettings chunk;
  /// Records the right action of every state instead of playing: the experience of a supervised
  /// run. The environments must know it.
  bool play_truth = false;
};

/// Plays E environments for training, all one step at a time: one batched forward pass, epsilon
/// greedy (uniformly random while there is no network), steps into chunks.
class Behaviour {
 public:
  /// Seeds and resets the environments ([E], E >= 1, of one kind).
  Behaviour(const BehaviourSettings& settings,
            std::vector<std::unique_ptr<Environment>> environments);

  /// The network that acts from now on. Throws ShapeError when it does not fit.
  void SetNetwork(const NetworkSpec& spec, std::span<const float> parameters,
                  std::uint64_t version);

  /// The network that acts in the guest's episodes; before there is one the other acts there too.
  /// Values and initial priorities always come from the network that SetNetwork brought, whoever
  /// acts.
  void SetGuest(const NetworkSpec& spec, std::span<const float> parameters, std::uint64_t version);
  std::uint64_t GuestVersion() const { return guest_version_; }

  /// One step of every environment. run_frames: of the whole run, for the schedule. Returns the
  /// chunks that this step completed.
  std::vector<replay::ExperienceChunk> Step(std::uint64_t run_frames);

  std::size_t Environments() const { return environments_.Size(); }
  /// Episodes finished since the last call.
  std::vector<EpisodeRecord> TakeEpisodes();
  double EpsilonMean() const { return epsilon_mean_; }

 private:
  void UpdateEpsilons(std::uint64_t run_frames);
  /// Decides who plays the episodes that begin, and asks the guest.
  void SeatGuests(std::uint64_t run_frames);
  std::int32_t Choose(std::size_t e);
  std::span<const std::uint8_t> Legal(std::size_t e) const {
    return LegalOf(legal_, e, final_q_.size());
  }
  void Record(std::size_t e);
  std::span<const float> Q(std::size_t e) const {
    const auto actions = static_cast<std::size_t>(environments_.Spec().num_actions);
    return std::span(q_).subspan(e * actions, actions);
  }

  BehaviourSettings settings_;
  VectorEnvironment environments_;
  std::vector<ChunkWriter> writers_;
  std::vector<std::int32_t> actions_;  ///< [E]
  std::vector<std::uint8_t> legal_;    ///< [E, A], empty without a mask
  std::vector<float> q_;               ///< [E, A]
  std::vector<float> final_q_;         ///< [A], scratch
  std::vector<double> epsilons_;       ///< [E]
  std::uint64_t epsilon_frames_ = ~std::uint64_t{0};
  double epsilon_mean_ = 0;
  std::unique_ptr<NativeNetwork> network_;
  std::uint64_t version_ = 0;
  enum class Seat : std::uint8_t { kUndecided, kOwn, kGuest };
  std::vector<Seat> seats_;     ///< [E]: who plays this episode
  std::vector<float> guest_q_;  ///< [E, A]; of meaning where the guest plays
  std::unique_ptr<NativeNetwork> guest_;
  std::uint64_t guest_version_ = 0;
  Rng rng_;
};

}  // namespace stillhouse::actors
