#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/messages/gradients.h"

namespace stillhouse::learner {

/// What learner 0 does for the others: lets them draw batches, joins everybody's gradients to one
/// and hands it out. Synchronous: an update waits for the slowest. Sums in the order of the
/// learners, so that the result does not depend on who came first. Logic only.
class GradientLead {
 public:
  /// The gradient of an update over all its rows.
  struct Joined {
    std::uint32_t rows = 0;
    double loss = 0;    ///< mean over rows
    double q_mean = 0;  ///< mean over rows
    std::vector<float> gradient;
  };

  /// `learners`: with learner 0 itself.
  explicit GradientLead(std::uint16_t learners) : shares_(learners) {}
  bool Alone() const { return shares_.size() == 1; }

  /// The others may have drawn so many batches in all.
  void Grant(std::uint64_t batches, Outbox& out) const;
  /// `from`: index of the learner. Throws WireError when the share does not fit.
  void OnShare(std::uint16_t from, GradientShare share);
  /// When every share of `update` is there: their mean, which the others get as well. Throws
  /// NumericError when the learners' parameters are not the same.
  std::optional<Joined> Join(std::uint64_t update, Outbox& out);
  /// Learners whose share is missing.
  std::vector<std::uint16_t> Missing() const;

 private:
  void ExpectSame() const;

  std::vector<std::optional<GradientShare>> shares_;  ///< [learners]
};

}  // namespace stillhouse::learner
