#pragma once

#include <span>

#include "common/base/rng.h"
#include "common/run/evaluation_statistics.h"

namespace stillhouse {

/// A model's episodes against another's on the same seeds.
struct PairedReturns {
  double difference = 0;     ///< mean return less the other's
  Interval difference_ci95;  ///< paired bootstrap over seeds
  double improvement = 0.5;  ///< probability that an episode of it beats one of the other
  Interval improvement_ci95{0, 1};
};

/// returns[i] and other[i] are of one seed. Throws ShapeError when their numbers differ; without
/// any the defaults stand.
PairedReturns ComparePaired(std::span<const double> returns, std::span<const double> other,
                            Rng& rng);

}  // namespace stillhouse
