#pragma once

#include <array>
#include <vector>

#include "actors/env/environment.h"
#include "common/base/action_mask.h"

namespace stillhouse::testing_support {

/// Three actions, of which the last is illegal in even steps and the first in odd ones; whoever
/// plays an illegal one is told so. Sees the step's parity. Action 1 gives 1. Ends after ten
/// steps, by truncation.
class MaskedWalk final : public actors::Environment {
 public:
  MaskedWalk()
      : spec_{.id = "test/masked_walk",
              .observation = {ElementKind::kBytes, {1}, 3},
              .num_actions = 3,
              .action_names = {"a", "b", "c"},
              .canonical_action = {0, 1, 2},
              .time_limit = 10} {}

  static std::array<std::uint8_t, 3> LegalIn(std::uint32_t step) {
    return step % 2 == 0 ? std::array<std::uint8_t, 3>{1, 1, 0}
                         : std::array<std::uint8_t, 3>{0, 1, 1};
  }

  const EnvironmentSpec& Spec() const override { return spec_; }
  void Seed(std::uint64_t /*seed*/) override {}
  void Reset() override { step_ = 0; }
  actors::StepResult Step(std::int32_t action) override {
    SH_CHECK(LegalIn(step_).at(static_cast<std::size_t>(action)) == 1, "action {} in step {}",
             action, step_);
    ++step_;
    return {.reward = action == 1 ? 1.0F : 0.0F, .truncated = step_ == 10};
  }
  void Observe(std::span<std::uint8_t> packed) const override {
    packed[0] = step_ % 2;
    WriteActionMask(spec_.observation, LegalIn(step_), packed);
  }
  void Save(ByteWriter& out) const override { out.Put(step_); }
  void Load(ByteReader& in) override { step_ = in.Get<std::uint32_t>(); }

 private:
  EnvironmentSpec spec_;
  std::uint32_t step_ = 0;
};

/// A head alone on its observation: the parity counts for nothing, so its outputs are `biases`.
inline std::vector<float> HeadOf(const std::array<float, 3>& biases) {
  std::vector<float> parameters(3, 0.0F);
  parameters.insert(parameters.end(), biases.begin(), biases.end());
  return parameters;
}

}  // namespace stillhouse::testing_support
