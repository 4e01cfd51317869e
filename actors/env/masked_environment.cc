#include "actors/env/masked_environment.h"

#include <utility>

#include "common/base/action_mask.h"

namespace stillhouse::actors {

MaskedEnvironment::MaskedEnvironment(std::unique_ptr<Environment> environment)
    : environment_(std::move(environment)), spec_(environment_->Spec()) {
  spec_.observation.masked_actions = spec_.num_actions;
  for (std::int32_t action = 0; action < spec_.num_actions; ++action) {
    legal_.push_back(spec_.canonical_action[static_cast<std::size_t>(action)] == action);
  }
}

void MaskedEnvironment::Observe(std::span<std::uint8_t> packed) const {
  environment_->Observe(packed.first(static_cast<std::size_t>(spec_.observation.ElementBytes())));
  WriteActionMask(spec_.observation, legal_, packed);
}

}  // namespace stillhouse::actors
