#include "actors/env/data/splits.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "common/base/error.h"
#include "common/base/rng.h"

namespace stillhouse::actors {
namespace {

constexpr std::uint64_t kSplitSeed = 20;  // of the permutation that decides what is held out

/// The examples whose label is wanted.
template <typename Wanted>
Examples Where(const Examples& from, Wanted&& wanted) {
  const auto bytes = static_cast<std::ptrdiff_t>(from.observations.size() / from.Size());
  const auto actions = static_cast<std::ptrdiff_t>(from.rewards.size() / from.Size());
  const auto append = [](auto& to, const auto& values, std::ptrdiff_t row, std::ptrdiff_t size) {
    to.insert(to.end(), values.begin() + row * size, values.begin() + (row + 1) * size);
  };
  Examples to;
  for (std::size_t i = 0; i < from.Size(); ++i) {
    if (!wanted(from.labels[i])) continue;
    append(to.observations, from.observations, static_cast<std::ptrdiff_t>(i), bytes);
    append(to.rewards, from.rewards, static_cast<std::ptrdiff_t>(i), actions);
    to.labels.push_back(from.labels[i]);
  }
  return to;
}

void CheckLabels(const Examples& examples, std::int32_t classes, const char* split) {
  for (std::size_t i = 0; i < examples.Size(); ++i) {
    if (examples.labels[i] >= 0 && examples.labels[i] < classes) continue;
    throw ConfigError(fmt::format("{} split, example {}: label {}, must be 0 to {}", split, i,
                                  examples.labels[i], classes - 1));
  }
}

void CheckClass(std::int32_t label, std::int32_t classes, const char* option) {
  if (label < classes) return;
  throw ConfigError(
      fmt::format("env.options.{}: {}, but the classes are 0 to {}", option, label, classes - 1));
}

}  // namespace

EnvironmentSpec DataSpec(std::string id, TensorSpec observation, std::vector<std::string> names) {
  EnvironmentSpec spec;
  spec.id = std::move(id);
  spec.observation = std::move(observation);
  spec.num_actions = static_cast<std::int32_t>(names.size());
  spec.action_names = std::move(names);
  spec.canonical_action.resize(spec.action_names.size());
  std::iota(spec.canonical_action.begin(), spec.canonical_action.end(), 0);
  return spec;
}

std::vector<std::uint32_t> Permutation(std::size_t n, std::uint64_t seed) {
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  Rng rng(seed);
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[rng.Below(i)]);
  return order;
}

std::vector<bool> HeldOut(std::size_t n, double share) {
  const auto held = static_cast<std::size_t>(std::ceil(share * static_cast<double>(n)));
  const auto order = Permutation(n, kSplitSeed);
  std::vector<bool> out(n);
  for (std::size_t i = 0; i < std::min(held, n); ++i) out[order[i]] = true;
  return out;
}

std::shared_ptr<const DataSet> FinishSplits(DataSet set, const DataSettings& settings) {
  const std::int32_t classes = set.spec.num_actions;
  CheckClass(settings.omit, classes, "omit");
  CheckClass(settings.only, classes, "only");
  CheckLabels(set.train, classes, "training");
  CheckLabels(set.test, classes, "test");
  if (settings.omit >= 0 && set.train.Size() > 0) {
    set.train = Where(set.train, [&](std::int32_t label) { return label != settings.omit; });
  }
  if (settings.only >= 0 && set.test.Size() > 0) {
    set.test = Where(set.test, [&](std::int32_t label) { return label == settings.only; });
  }
  if (set.train.Size() == 0 || set.test.Size() == 0) {
    throw ConfigError(
        fmt::format("{}: {} examples to learn from and {} to evaluate with: both "
                    "need one",
                    set.spec.id, set.train.Size(), set.test.Size()));
  }
  return std::make_shared<const DataSet>(std::move(set));
}

}  // namespace stillhouse::actors
