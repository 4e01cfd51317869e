#include "actors/chunk_writer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/base/error.h"

namespace stillhouse::actors {

namespace {

constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

bool IsCut(std::uint8_t flags) {
  return (flags & replay::kTruncated) != 0 && (flags & replay::kTerminated) == 0;
}

}  // namespace

ChunkWriter::ChunkWriter(const ChunkSettings& settings, std::uint32_t first_items)
    : settings_(settings), items_(first_items) {
  SH_CHECK(first_items >= 1 && first_items <= settings.items, "first chunk of {} items, of {}",
           first_items, settings.items);
  const std::size_t steps = settings.items + settings.n_step;
  steps_.reserve(steps);
  observations_.reserve((steps + 1) * settings.packed_bytes);
}

std::optional<replay::ExperienceChunk> ChunkWriter::AddState(
    std::span<const std::uint8_t> observation, std::optional<float> value,
    std::uint64_t weights_version) {
  SH_CHECK(observation.size() == settings_.packed_bytes &&
               observations_.size() == steps_.size() * settings_.packed_bytes,
           "a state of {} bytes after {} steps", observation.size(), steps_.size());
  observations_.insert(observations_.end(), observation.begin(), observation.end());
  next_value_ = value.value_or(kUnknown);
  if (steps_.size() < items_ + settings_.n_step - 1) return std::nullopt;
  return Cut(weights_version);
}

void ChunkWriter::AddStep(std::int32_t action, float q, float reward, std::uint8_t flags) {
  steps_.push_back({action, q, reward, flags, next_value_, kUnknown});
}

void ChunkWriter::AddTruncatedStep(std::int32_t action, float q, float reward,
                                   std::span<const std::uint8_t> final_observation,
                                   std::optional<float> final_value) {
  SH_CHECK(final_observation.size() == settings_.packed_bytes, "{} bytes",
           final_observation.size());
  steps_.push_back(
      {action, q, reward, replay::kTruncated, next_value_, final_value.value_or(kUnknown)});
  finals_.insert(finals_.end(), final_observation.begin(), final_observation.end());
}

float ChunkWriter::TdError(std::size_t item) const {
  if (std::isnan(steps_[item].value)) return kUnjudged;
  const auto result =
      replay::ComputeNStep([&](std::size_t k) { return steps_[item + k].reward; },
                           [&](std::size_t k) { return steps_[item + k].flags; },
                           steps_.size() - item, settings_.n_step, settings_.discount);
  double bootstrap = 0;
  if (result.discount > 0) {
    const std::size_t last = item + result.length - 1;
    const bool cut = IsCut(steps_[last].flags);
    const float value = cut                        ? steps_[last].final_value
                        : last + 1 < steps_.size() ? steps_[last + 1].value
                                                   : next_value_;
    bootstrap = result.discount * static_cast<double>(value);
  }
  const double error = std::abs(result.ret + bootstrap - static_cast<double>(steps_[item].q));
  // Unknown values (a network arrived in mid-window) and a diverged network end here alike; the
  // learner is who stops a run that diverged.
  return std::isfinite(error) && error <= std::numeric_limits<float>::max()
             ? static_cast<float>(error)
             : kUnjudged;
}

replay::ExperienceChunk ChunkWriter::Cut(std::uint64_t weights_version) {
  replay::ExperienceChunk chunk;
  chunk.weights_version = weights_version;
  chunk.actions.reserve(steps_.size());
  chunk.rewards.reserve(steps_.size());
  chunk.flags.reserve(steps_.size());
  chunk.td_errors.reserve(items_);
  for (std::size_t i = 0; i < items_; ++i) chunk.td_errors.push_back(TdError(i));
  std::size_t finals_of_items = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    chunk.actions.push_back(steps_[i].action);
    chunk.rewards.push_back(steps_[i].reward);
    chunk.flags.push_back(steps_[i].flags);
    if (i < items_ && IsCut(steps_[i].flags)) ++finals_of_items;
  }
  chunk.observations = observations_;
  chunk.final_observations = finals_;

  // What the windows of the last items looked ahead to begins the next chunk.
  const auto bytes = static_cast<std::ptrdiff_t>(settings_.packed_bytes);
  steps_.erase(steps_.begin(), steps_.begin() + items_);
  observations_.erase(observations_.begin(), observations_.begin() + items_ * bytes);
  finals_.erase(finals_.begin(),
                finals_.begin() + static_cast<std::ptrdiff_t>(finals_of_items) * bytes);
  items_ = settings_.items;
  return chunk;
}

}  // namespace stillhouse::actors
