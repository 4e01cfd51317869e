#pragma once

#include <span>
#include <vector>

#include "common/model/network_spec.h"

namespace stillhouse {

/// The forward pass as its definition says, in double, one number after the other: what the fast
/// backends are compared with. observations [B, elements] row-major; returns [B, A].
std::vector<double> ReferenceForward(const NetworkSpec& spec, std::span<const float> parameters,
                                     std::span<const float> observations);

}  // namespace stillhouse
