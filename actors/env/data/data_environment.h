#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "actors/env/data/data_set.h"
#include "actors/env/environment.h"

namespace stillhouse::actors {

/// A data set as an environment: every example is an episode of one step, the observation is the
/// example, the action a class. The reward is 1 for the right one and 0 for others, or what the
/// data set says that the action pays. So the mean return of greedy play is the accuracy.
///
/// Seed decides the order. For training it is a random permutation of the training split, a new one
/// each time it is through; episode k after Seed(s) for evaluation is example s + k of the held-out
/// split, so that as many consecutive seeds as there are examples meet each of them once.
class DataEnvironment final : public Environment {
 public:
  DataEnvironment(std::shared_ptr<const DataSet> data, bool training);

  const EnvironmentSpec& Spec() const override { return data_->spec; }
  void Seed(std::uint64_t seed) override;
  void Reset() override;
  StepResult Step(std::int32_t action) override;
  std::optional<std::int32_t> Truth() const override;
  void Observe(std::span<std::uint8_t> packed) const override;
  void Save(ByteWriter& out) const override;
  void Load(ByteReader& in) override;

 private:
  const Examples& Split() const { return training_ ? data_->train : data_->test; }
  std::size_t Example() const;
  void Shuffle();

  const std::shared_ptr<const DataSet> data_;
  const bool training_;
  std::vector<std::uint32_t> order_;  ///< training: of the present epoch
  std::uint64_t seed_ = 0;
  std::uint64_t episode_ = ~std::uint64_t{0};  ///< since Seed; all ones: before the first Reset
};

}  // namespace stillhouse::actors
