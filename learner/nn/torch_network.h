#pragma once

#include <cstddef>
#include <map>

#include <torch/types.h>

#include "common/model/network_spec.h"

namespace stillhouse::learner {

/// rows [B, PackedBytes] uint8, on any device -> float [B, shape...] on the same device.
torch::Tensor UnpackObservations(const TensorSpec& observation, const torch::Tensor& rows);

/// Q-values [B, A] of the network whose parameters are `flat` (canonical order) for float
/// observations [B, shape...]. Works on views into `flat`, so autograd's gradient is flat too.
/// `taps`: its keys are layers (indices into Layers(), not the head); each gets what that layer
/// hands on, [B, shape...], with its graph.
torch::Tensor TorchForward(const NetworkSpec& spec, const torch::Tensor& flat,
                           const torch::Tensor& observations,
                           std::map<std::size_t, torch::Tensor>* taps = nullptr);

}  // namespace stillhouse::learner
