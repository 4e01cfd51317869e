#pragma once

#include <memory>
#include <vector>

#include "actors/env/environment.h"

namespace stillhouse::actors {

/// An environment whose actions that do what a lesser one does (EnvironmentSpec::canonical_action)
/// are illegal in every state; else as it is. Owns it.
class MaskedEnvironment final : public Environment {
 public:
  explicit MaskedEnvironment(std::unique_ptr<Environment> environment);

  const EnvironmentSpec& Spec() const override { return spec_; }
  void Seed(std::uint64_t seed) override { environment_->Seed(seed); }
  void Reset() override { environment_->Reset(); }
  StepResult Step(std::int32_t action) override { return environment_->Step(action); }
  std::optional<std::int32_t> Truth() const override { return environment_->Truth(); }
  void Observe(std::span<std::uint8_t> packed) const override;
  void Save(ByteWriter& out) const override { environment_->Save(out); }
  void Load(ByteReader& in) override { environment_->Load(in); }

 private:
  std::unique_ptr<Environment> environment_;
  EnvironmentSpec spec_;
  std::vector<std::uint8_t> legal_;  ///< [A]
};

}  // namespace stillhouse::actors
