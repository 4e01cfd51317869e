#include "common/run/fidelity.h"

#include <cmath>

namespace stillhouse {

Fidelity FidelityOf(const Comparison& sums) {
  Fidelity fidelity;
  fidelity.states = sums.states;
  if (sums.states == 0) return fidelity;
  const auto states = static_cast<double>(sums.states);
  fidelity.agreement = static_cast<double>(sums.agreeing) / states;
  fidelity.gap_agreement = sums.gap > 0 ? sums.gap_agreeing / sums.gap : fidelity.agreement;
  fidelity.regret = sums.regret / states;
  fidelity.kl = sums.kl / states;
  fidelity.q_error = std::sqrt(sums.q_error / states);
  return fidelity;
}

}  // namespace stillhouse
