#include "actors/env/vector_environment.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace stillhouse::actors {

VectorEnvironment::VectorEnvironment(std::vector<std::unique_ptr<Environment>> environments)
    : environments_(std::move(environments)) {
  SH_CHECK(!environments_.empty(), "no environments");
  for (const auto& environment : environments_) {
    SH_CHECK(environment->Spec() == Spec(), "{} beside {}", environment->Spec().id, Spec().id);
  }
  packed_bytes_ = static_cast<std::size_t>(Spec().observation.PackedBytes());
  observations_.resize(Size() * packed_bytes_);
  final_observations_.resize(Size() * packed_bytes_);
  rewards_.resize(Size());
  terminated_.resize(Size());
  truncated_.resize(Size());
  returns_.resize(Size());
  lengths_.resize(Size());
}

void VectorEnvironment::Reset(std::span<const std::uint64_t> seeds) {
  SH_CHECK(seeds.size() == Size(), "{} seeds for {} environments", seeds.size(), Size());
  ClearResults();
  finished_.clear();
  for (std::size_t e = 0; e < Size(); ++e) {
    environments_[e]->Seed(seeds[e]);
    environments_[e]->Reset();
    environments_[e]->Observe(Row(observations_, e));
    returns_[e] = 0;
    lengths_[e] = 0;
  }
}

void VectorEnvironment::Step(std::span<const std::int32_t> actions) {
  SH_CHECK(actions.size() == Size(), "{} actions for {} environments", actions.size(), Size());
  for (std::size_t e = 0; e < Size(); ++e) {
    Environment& environment = *environments_[e];
    const StepResult result = environment.Step(actions[e]);
    rewards_[e] = result.reward;
    terminated_[e] = result.terminated;
    truncated_[e] = result.truncated;
    returns_[e] += static_cast<double>(result.reward);
    ++lengths_[e];
    if (result.Done()) {
      environment.Observe(Row(final_observations_, e));
      finished_.push_back({static_cast<std::uint32_t>(e), returns_[e], lengths_[e]});
      returns_[e] = 0;
      lengths_[e] = 0;
      environment.Reset();
    }
    environment.Observe(Row(observations_, e));
  }
}

std::vector<FinishedEpisode> VectorEnvironment::TakeFinishedEpisodes() {
  return std::exchange(finished_, {});
}

void VectorEnvironment::Save(ByteWriter& out) const {
  out.Put(static_cast<std::uint32_t>(Size()));
  for (const auto& environment : environments_) environment->Save(out);
  out.PutArray(std::span<const double>(returns_));
  out.PutArray(std::span<const std::int64_t>(lengths_));
  out.Put(static_cast<std::uint32_t>(finished_.size()));
  for (const FinishedEpisode& episode : finished_) {
    out.Put(episode.environment);
    out.Put(episode.episode_return);
    out.Put(episode.length);
  }
}

void VectorEnvironment::Load(ByteReader& in) {
  const auto size = in.Get<std::uint32_t>();
  if (size != Size()) in.Fail(fmt::format("{} environments, must be {}", size, Size()));
  for (const auto& environment : environments_) environment->Load(in);
  returns_ = in.GetArray<double>(Size());
  lengths_ = in.GetArray<std::int64_t>(Size());
  finished_.clear();
  const auto finished = in.Get<std::uint32_t>();
  for (std::uint32_t i = 0; i < finished; ++i) {
    FinishedEpisode episode;
    episode.environment = in.Get<std::uint32_t>();
    if (episode.environment >= Size()) {
      in.Fail(fmt::format("episode of environment {} of {}", episode.environment, Size()));
    }
    episode.episode_return = in.Get<double>();
    episode.length = in.Get<std::int64_t>();
    finished_.push_back(episode);
  }
  ClearResults();
  for (std::size_t e = 0; e < Size(); ++e) environments_[e]->Observe(Row(observations_, e));
}

void VectorEnvironment::ClearResults() {
  std::fill(rewards_.begin(), rewards_.end(), 0.0F);
  std::fill(terminated_.begin(), terminated_.end(), std::uint8_t{0});
  std::fill(truncated_.begin(), truncated_.end(), std::uint8_t{0});
}

}  // namespace stillhouse::actors
