#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/model/network_spec.h"

namespace stillhouse {

/// What a network takes over from another one.
struct Transferred {
  std::vector<float> parameters;    ///< of `to`, canonical order
  std::vector<std::string> layers;  ///< names of those taken: "0", "3", "head"
  /// Of those that begin afresh, with the reason: "5 [128,400], there [128,256]".
  std::vector<std::string> fresh;
};

/// A network that begins with what another one has learnt, maybe on another task: a layer is taken
/// when the other network has one of the same kind at the same place and all its tensors have the
/// same shapes; the others keep what `initial` (canonical, of `to`) says. SH_CHECK: sizes fit their
/// networks.
Transferred TransferParameters(const NetworkSpec& from, std::span<const float> parameters,
                               const NetworkSpec& to, std::vector<float> initial);

}  // namespace stillhouse
