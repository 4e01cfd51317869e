#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/env/data/data_set.h"

namespace stillhouse::actors {

/// The facts of a data set's environment; one action a name.
EnvironmentSpec DataSpec(std::string id, TensorSpec observation, std::vector<std::string> names);

/// [n]: those that HoldOut takes.
std::vector<bool> HeldOut(std::size_t n, double share);

/// Takes `share` of the examples of `train`, at least one, out of it. A fixed permutation chooses
/// them, so that every process chooses the same; both keep their order.
template <typename T>
std::vector<T> HoldOut(std::vector<T>& train, double share) {
  std::vector<T> kept, held;
  const std::vector<bool> out = HeldOut(train.size(), share);
  for (std::size_t i = 0; i < out.size(); ++i)
    (out[i] ? held : kept).push_back(std::move(train[i]));
  train = std::move(kept);
  return held;
}

/// What all data sets end with. Applies `omit` and `only`. Throws ConfigError when a label is no
/// action, when `omit` or `only` is none, or when a split has no examples left.
std::shared_ptr<const DataSet> FinishSplits(DataSet set, const DataSettings& settings);

/// A permutation of 0 .. n - 1 that depends on the seed alone (Fisher and Yates).
std::vector<std::uint32_t> Permutation(std::size_t n, std::uint64_t seed);

}  // namespace stillhouse::actors
