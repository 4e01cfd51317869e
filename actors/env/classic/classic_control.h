#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "actors/env/environment.h"
#include "common/base/error.h"
#include "common/base/rng.h"

namespace stillhouse::actors {

/// What the classic control tasks share: N doubles of state, F floats of observation, a step
/// counter that truncates at the time limit (whether or not the step also terminated) and an own
/// random stream for the starts. Dynamics: tests/conformance/classic/README.md, after Gymnasium.
template <std::size_t N, std::size_t F>
class ClassicControl : public Environment {
 public:
  using State = std::array<double, N>;

  const EnvironmentSpec& Spec() const final { return spec_; }
  void Seed(std::uint64_t seed) final { rng_ = MakeRng(seed, RngPurpose::kEnvironment); }
  void Reset() final {
    steps_ = 0;
    state_ = Start(rng_);
  }

  StepResult Step(std::int32_t action) final {
    SH_CHECK(action >= 0 && action < spec_.num_actions, "{}: action {}", spec_.id, action);
    StepResult result = Advance(state_, action);
    result.truncated = ++steps_ >= spec_.time_limit;
    return result;
  }

  void Observe(std::span<std::uint8_t> packed) const final {
    const std::array<float, F> values = Features(state_);
    SH_CHECK(packed.size() == sizeof(values), "{} bytes for {} floats", packed.size(), F);
    std::memcpy(packed.data(), values.data(), sizeof(values));
  }

  void Save(ByteWriter& out) const final {
    out.PutArray(std::span<const std::uint64_t>(rng_.Save()));
    out.PutArray(std::span<const double>(state_));
    out.Put(steps_);
  }
  void Load(ByteReader& in) final {
    Rng::State words;
    for (auto& word : words) word = in.Get<std::uint64_t>();
    rng_.Restore(words);
    for (auto& value : state_) {
      value = in.Get<double>();
      if (!(std::abs(value) <= kLargestValue)) {
        in.Fail(fmt::format("state value is {}, must be at most {} in size", value, kLargestValue));
      }
    }
    steps_ = in.Get<std::int32_t>();
    if (steps_ < 0 || steps_ > spec_.time_limit) {
      in.Fail(fmt::format("step is {}, must be 0 to {}", steps_, spec_.time_limit));
    }
  }

  const State& GetState() const { return state_; }
  /// Leaves the step counter as it is.
  void SetState(const State& state) { state_ = state; }

 protected:
  ClassicControl(std::string id, std::vector<std::string> action_names, std::int32_t time_limit)
      : rng_(MakeRng(0, RngPurpose::kEnvironment)) {
    spec_.id = std::move(id);
    spec_.observation = {ElementKind::kFloats, {static_cast<std::int64_t>(F)}};
    spec_.num_actions = static_cast<std::int32_t>(action_names.size());
    for (std::int32_t a = 0; a < spec_.num_actions; ++a) spec_.canonical_action.push_back(a);
    spec_.action_names = std::move(action_names);
    spec_.time_limit = time_limit;
  }

  static double UniformIn(Rng& rng, double low, double high) {
    return low + (high - low) * rng.Uniform();
  }

  virtual State Start(Rng& rng) const = 0;
  /// One step of the dynamics; sets the reward and `terminated`.
  virtual StepResult Advance(State& state, std::int32_t action) const = 0;
  virtual std::array<float, F> Features(const State& state) const = 0;

 private:
  static constexpr double kLargestValue = 1e6;  // no run comes near; angles wrap in finite time

  EnvironmentSpec spec_;
  Rng rng_;
  State state_{};
  std::int32_t steps_ = 0;
};

}  // namespace stillhouse::actors
