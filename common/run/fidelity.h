#pragma once

#include <cstdint>

#include "common/messages/evaluation.h"

namespace stillhouse {

/// How near a model is to its teacher on the states of one distribution. Means over states.
struct Fidelity {
  std::uint64_t states = 0;
  double agreement = 0;      ///< share of states with equivalent greedy actions
  double gap_agreement = 0;  ///< the same, each state weighing its teacher's action gap
  double regret = 0;         ///< (max Q_t - Q_t(a_s)) / (max Q_t - min Q_t)
  double kl = 0;             ///< KL(teacher || student) as the student's loss tempers them
  double q_error =
      0;  ///< root of the mean square of (Q_s - mean Q_s) - (Q_t - mean Q_t); units of Q
};

/// All zeros for no states. Where no state has a gap, gap_agreement is the agreement.
Fidelity FidelityOf(const Comparison& sums);

}  // namespace stillhouse
