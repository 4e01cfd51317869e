#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "actors/env/environment.h"
#include "common/base/byte_io.h"
#include "common/base/error.h"
#include "common/base/rng.h"

namespace stillhouse::actors {

/// What every environment must keep to, whatever it is: the promises of environment.h. An
/// environment's test calls CheckEnvironmentConformance with a factory of fresh instances.
using EnvironmentFactory = std::function<std::unique_ptr<Environment>()>;

inline std::vector<std::uint8_t> ObservationOf(const Environment& environment) {
  // Filled with ones, so that bytes that Observe() leaves alone show.
  std::vector<std::uint8_t> packed(
      static_cast<std::size_t>(environment.Spec().observation.PackedBytes()), 0xff);
  environment.Observe(packed);
  return packed;
}

inline std::vector<std::uint8_t> SaveOf(const Environment& environment) {
  ByteWriter out;
  environment.Save(out);
  return out.Take();
}

inline void LoadInto(Environment& environment, std::span<const std::uint8_t> bytes) {
  ByteReader in(bytes, "environment");
  environment.Load(in);
  in.ExpectEnd();
}

/// Plays `steps` random actions, resetting where an episode ends; returns all that was to be
/// seen: observations, rewards and flags, byte for byte.
inline std::vector<std::uint8_t> Play(Environment& environment, std::uint64_t action_seed,
                                      int steps) {
  Rng rng(action_seed);
  ByteWriter seen;
  seen.PutBytes(ObservationOf(environment));
  for (int i = 0; i < steps; ++i) {
    const auto num_actions = static_cast<std::uint64_t>(environment.Spec().num_actions);
    const StepResult result = environment.Step(static_cast<std::int32_t>(rng.Below(num_actions)));
    seen.Put(result.reward);
    seen.Put(static_cast<std::uint8_t>(result.terminated));
    seen.Put(static_cast<std::uint8_t>(result.truncated));
    seen.PutBytes(ObservationOf(environment));
    if (result.Done()) {
      environment.Reset();
      seen.PutBytes(ObservationOf(environment));
    }
  }
  return seen.Take();
}

inline std::unique_ptr<Environment> Started(const EnvironmentFactory& make, std::uint64_t seed) {
  auto environment = make();
  environment->Seed(seed);
  environment->Reset();
  return environment;
}

inline void CheckSpec(const EnvironmentFactory& make) {
  SCOPED_TRACE("the spec is complete and the same for every instance");
  const auto environment = make();
  const EnvironmentSpec& spec = environment->Spec();
  EXPECT_EQ(spec, make()->Spec());
  EXPECT_FALSE(spec.id.empty());
  EXPECT_GT(spec.observation.Elements(), 0);
  EXPECT_GE(spec.time_limit, 0);
  ASSERT_GE(spec.num_actions, 1);
  ASSERT_EQ(spec.action_names.size(), static_cast<std::size_t>(spec.num_actions));
  ASSERT_EQ(spec.canonical_action.size(), static_cast<std::size_t>(spec.num_actions));
  for (std::int32_t a = 0; a < spec.num_actions; ++a) {
    const std::int32_t canonical = spec.canonical_action[static_cast<std::size_t>(a)];
    ASSERT_GE(canonical, 0);
    EXPECT_LE(canonical, a) << "the canonical action is the least of its kind";
    EXPECT_EQ(spec.canonical_action[static_cast<std::size_t>(canonical)], canonical);
  }
}

inline void CheckUnusedBitsAreZero(const EnvironmentFactory& make) {
  SCOPED_TRACE("bits after the last element are zero");
  const auto environment = Started(make, 3);
  const TensorSpec& spec = environment->Spec().observation;
  if (spec.kind != ElementKind::kBits || spec.Elements() % 8 == 0) return;
  Rng rng(4);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(ObservationOf(*environment).back() >> (spec.Elements() % 8), 0);
    const auto num_actions = static_cast<std::uint64_t>(environment->Spec().num_actions);
    if (environment->Step(static_cast<std::int32_t>(rng.Below(num_actions))).Done()) {
      environment->Reset();
    }
  }
}

inline void CheckSameSeedSameRun(const EnvironmentFactory& make) {
  SCOPED_TRACE("the same seed and actions give the same run");
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{12345}, ~std::uint64_t{0}}) {
    EXPECT_EQ(Play(*Started(make, seed), 1, 600), Play(*Started(make, seed), 1, 600));
  }
}

inline void CheckSeedForgetsThePast(const EnvironmentFactory& make) {
  SCOPED_TRACE("Seed() makes a used instance as good as a new one");
  const auto used = Started(make, 5);
  Play(*used, 2, 333);
  used->Seed(7);
  used->Reset();
  EXPECT_EQ(SaveOf(*used), SaveOf(*Started(make, 7)));
  EXPECT_EQ(Play(*used, 1, 300), Play(*Started(make, 7), 1, 300));
}

inline void CheckLoadContinues(const EnvironmentFactory& make) {
  SCOPED_TRACE("Load(Save()) continues identically");
  for (const int steps : {0, 1, 250}) {
    const auto original = Started(make, 11);
    Play(*original, 2, steps);
    const auto saved = SaveOf(*original);
    const auto copy = make();
    LoadInto(*copy, saved);
    EXPECT_EQ(SaveOf(*copy), saved);
    const auto rest = Play(*original, 3, 400);
    EXPECT_EQ(Play(*copy, 3, 400), rest);
    LoadInto(*original, saved);
    EXPECT_EQ(Play(*original, 3, 400), rest);
  }
}

inline void CheckShortSaveIsRefused(const EnvironmentFactory& make) {
  SCOPED_TRACE("a save that ends early is refused");
  const auto saved = SaveOf(*Started(make, 11));
  ASSERT_FALSE(saved.empty());
  for (const std::size_t size : {std::size_t{0}, saved.size() / 2, saved.size() - 1}) {
    const auto environment = make();
    EXPECT_THROW(LoadInto(*environment, std::span(saved).first(size)), WireError);
  }
}

inline void CheckTruncationIsTheTimeLimit(const EnvironmentFactory& make) {
  SCOPED_TRACE("truncated is set by the time limit alone and ends the episode");
  const auto environment = Started(make, 13);
  const std::int32_t limit = environment->Spec().time_limit;
  Rng rng(6);
  int length = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto num_actions = static_cast<std::uint64_t>(environment->Spec().num_actions);
    const StepResult result = environment->Step(static_cast<std::int32_t>(rng.Below(num_actions)));
    ++length;
    ASSERT_EQ(result.truncated, limit > 0 && length >= limit) << "step " << length;
    if (result.Done()) {
      environment->Reset();
      length = 0;
    }
  }
}

inline void CheckEnvironmentConformance(const EnvironmentFactory& make) {
  SCOPED_TRACE(make()->Spec().id);
  CheckSpec(make);
  CheckUnusedBitsAreZero(make);
  CheckSameSeedSameRun(make);
  CheckSeedForgetsThePast(make);
  CheckLoadContinues(make);
  CheckShortSaveIsRefused(make);
  CheckTruncationIsTheTimeLimit(make);
}

}  // namespace stillhouse::actors
