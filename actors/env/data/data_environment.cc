#include "actors/env/data/data_environment.h"

#include <cstring>
#include <utility>

#include "actors/env/data/splits.h"
#include "common/base/error.h"
#include "common/base/rng.h"

namespace stillhouse::actors {

DataEnvironment::DataEnvironment(std::shared_ptr<const DataSet> data, bool training)
    : data_(std::move(data)), training_(training) {
  Seed(0);
}

void DataEnvironment::Seed(std::uint64_t seed) {
  seed_ = seed;
  episode_ = ~std::uint64_t{0};
  Shuffle();
}

void DataEnvironment::Reset() {
  ++episode_;
  if (episode_ > 0 && episode_ % Split().Size() == 0) Shuffle();
}

void DataEnvironment::Shuffle() {
  if (!training_) return;
  const std::uint64_t epoch = episode_ == ~std::uint64_t{0} ? 0 : episode_ / Split().Size();
  std::uint64_t mix = seed_ ^ (epoch * 0x9e3779b97f4a7c15ULL);
  order_ = Permutation(Split().Size(), SplitMix64(mix));
}

std::size_t DataEnvironment::Example() const {
  const std::uint64_t episode = episode_ == ~std::uint64_t{0} ? 0 : episode_;
  const std::uint64_t size = Split().Size();
  return training_ ? order_[episode % size] : (seed_ % size + episode % size) % size;
}

StepResult DataEnvironment::Step(std::int32_t action) {
  const std::size_t example = Example();
  const auto actions = static_cast<std::size_t>(Spec().num_actions);
  SH_CHECK(action >= 0 && action < Spec().num_actions, "action {}", action);
  StepResult result;
  result.terminated = true;
  result.reward = Split().rewards.empty()
                      ? (action == Split().labels[example] ? 1.0F : 0.0F)
                      : Split().rewards[example * actions + static_cast<std::size_t>(action)];
  return result;
}

std::optional<std::int32_t> DataEnvironment::Truth() const { return Split().labels[Example()]; }

void DataEnvironment::Observe(std::span<std::uint8_t> packed) const {
  std::memcpy(packed.data(), Split().observations.data() + Example() * packed.size(),
              packed.size());
}

void DataEnvironment::Save(ByteWriter& out) const {
  out.Put(seed_);
  out.Put(episode_);
}

void DataEnvironment::Load(ByteReader& in) {
  seed_ = in.Get<std::uint64_t>();
  episode_ = in.Get<std::uint64_t>();
  Shuffle();
}

}  // namespace stillhouse::actors
