#include "actors/behaviour.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "actors/exploration.h"
#include "common/base/error.h"

namespace stillhouse::actors {

namespace {

/// Environment e's first chunk: the cuts are spread evenly over a chunk's length.
std::uint32_t FirstItems(std::size_t e, std::size_t environments, std::uint32_t items) {
  return 1 + static_cast<std::uint32_t>(e * items / environments) % items;
}

/// The greatest of the legal values.
float BestValue(std::span<const float> q, std::span<const std::uint8_t> legal) {
  return q[GreedyAction(q, legal)];
}

}  // namespace

Behaviour::Behaviour(const BehaviourSettings& settings,
                     std::vector<std::unique_ptr<Environment>> environments)
    : settings_(settings),
      environments_(std::move(environments)),
      actions_(environments_.Size()),
      q_(environments_.Size() * static_cast<std::size_t>(environments_.Spec().num_actions)),
      final_q_(static_cast<std::size_t>(environments_.Spec().num_actions)),
      epsilons_(environments_.Size()),
      seats_(environments_.Size(), Seat::kUndecided),
      rng_(MakeRng(settings.seed ^ settings.salt, RngPurpose::kExploration, settings.first_index)) {
  const std::size_t count = environments_.Size();
  std::vector<std::uint64_t> seeds(count);
  writers_.reserve(count);
  for (std::size_t e = 0; e < count; ++e) {
    Rng stream =
        MakeRng(settings.seed ^ settings.salt, RngPurpose::kEnvironment, settings.first_index + e);
    seeds[e] = stream();
    writers_.emplace_back(settings.chunk, FirstItems(e, count, settings.chunk.items));
  }
  environments_.Reset(seeds);
}

void Behaviour::SetNetwork(const NetworkSpec& spec, std::span<const float> parameters,
                           std::uint64_t version) {
  version_ = version;
  if (settings_.play_truth) return;  // nobody asks it
  if (!network_) network_ = std::make_unique<NativeNetwork>(spec);
  network_->SetParameters(parameters);
}

void Behaviour::SetGuest(const NetworkSpec& spec, std::span<const float> parameters,
                         std::uint64_t version) {
  SH_CHECK(settings_.guest_share.has_value(), "a guest, version {}, that nobody expects", version);
  guest_version_ = version;
  if (!guest_) guest_ = std::make_unique<NativeNetwork>(spec);
  guest_->SetParameters(parameters);
  guest_q_.resize(q_.size());
}

void Behaviour::SeatGuests(std::uint64_t run_frames) {
  if (!settings_.guest_share) return;
  const double share = settings_.guest_share->At(run_frames);
  for (Seat& seat : seats_) {
    if (seat == Seat::kUndecided) seat = rng_.Uniform() < share ? Seat::kGuest : Seat::kOwn;
  }
  if (!guest_ || std::find(seats_.begin(), seats_.end(), Seat::kGuest) == seats_.end()) return;
  guest_->Forward(environments_.Observations(), static_cast<std::int64_t>(seats_.size()), guest_q_);
}

void Behaviour::UpdateEpsilons(std::uint64_t run_frames) {
  if (run_frames == epsilon_frames_ || settings_.play_truth) return;
  epsilon_frames_ = run_frames;
  for (std::size_t e = 0; e < epsilons_.size(); ++e) {
    epsilons_[e] =
        Epsilon(settings_.exploration, settings_.first_index + e, settings_.total, run_frames);
  }
  epsilon_mean_ = std::accumulate(epsilons_.begin(), epsilons_.end(), 0.0) /
                  static_cast<double>(epsilons_.size());
}

std::vector<replay::ExperienceChunk> Behaviour::Step(std::uint64_t run_frames) {
  UpdateEpsilons(run_frames);
  const std::size_t count = environments_.Size();
  if (network_) {
    network_->Forward(environments_.Observations(), static_cast<std::int64_t>(count), q_);
  }
  SeatGuests(run_frames);
  legal_ = LegalActions(environments_.Spec().observation, environments_.Observations());
  std::vector<replay::ExperienceChunk> chunks;
  for (std::size_t e = 0; e < count; ++e) {
    std::optional<float> value;
    if (network_) value = BestValue(Q(e), Legal(e));
    if (auto chunk = writers_[e].AddState(environments_.Observation(e), value, version_)) {
      chunks.push_back(std::move(*chunk));
    }
    actions_[e] = Choose(e);
  }
  environments_.Step(actions_);
  for (std::size_t e = 0; e < count; ++e) Record(e);
  return chunks;
}

std::int32_t Behaviour::Choose(std::size_t e) {
  if (settings_.play_truth) {
    const auto truth = environments_.Truth(e);
    SH_CHECK(truth.has_value(), "{} has no labels", environments_.Spec().id);
    return *truth;
  }
  if (!network_ || rng_.Uniform() < epsilons_[e]) {
    return static_cast<std::int32_t>(RandomAction(final_q_.size(), Legal(e), rng_));
  }
  const bool guest = guest_ && seats_[e] == Seat::kGuest;
  const std::size_t actions = final_q_.size();
  const auto q = guest ? std::span<const float>(guest_q_).subspan(e * actions, actions) : Q(e);
  return static_cast<std::int32_t>(GreedyAction(q, Legal(e)));
}

void Behaviour::Record(std::size_t e) {
  const float q = Q(e)[static_cast<std::size_t>(actions_[e])];
  const float reward = environments_.Rewards()[e];
  const bool terminated = environments_.Terminated()[e] != 0;
  const bool truncated = environments_.Truncated()[e] != 0;
  if (terminated || truncated) seats_[e] = Seat::kUndecided;
  if (!truncated || terminated) {
    const int flags = (terminated ? replay::kTerminated : 0) | (truncated ? replay::kTruncated : 0);
    return writers_[e].AddStep(actions_[e], q, reward, static_cast<std::uint8_t>(flags));
  }
  const auto last = environments_.FinalObservation(e);
  std::optional<float> value;
  if (network_) {
    network_->Forward(last, 1, final_q_);
    value = BestValue(final_q_, LegalActions(environments_.Spec().observation, last));
  }
  writers_[e].AddTruncatedStep(actions_[e], q, reward, last, value);
}

std::vector<EpisodeRecord> Behaviour::TakeEpisodes() {
  std::vector<EpisodeRecord> records;
  for (const auto& episode : environments_.TakeFinishedEpisodes()) {
    records.push_back(
        {static_cast<float>(episode.episode_return), static_cast<std::uint32_t>(episode.length)});
  }
  return records;
}

}  // namespace stillhouse::actors
