#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/base/layer_changes.h"
#include "common/model/network_spec.h"

namespace stillhouse::learner {

/// A part of a student's loss and its gradient by the parameters, in canonical order.
struct PartGradient {
  std::string name;
  std::vector<float> gradient;
};

/// What an update from `before` to `after` changed in each layer with parameters, and how much each
/// part of the loss asked for it: a part whose cosine is near 1 was followed, below 0 overruled.
/// The streams of a dueling head count as one layer, "head".
LayerChanges ChangesOf(const NetworkSpec& network, std::span<const float> before,
                       std::span<const float> after, const std::vector<PartGradient>& parts);

}  // namespace stillhouse::learner
