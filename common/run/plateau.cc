#include "common/run/plateau.h"

#include <algorithm>

namespace stillhouse {

void PlateauWatch::On(std::size_t student, std::uint64_t updates, double agreement) {
  Seen& seen = seen_.at(student);
  seen.updates = std::max(seen.updates, updates);
  if (seen.begun && agreement <= seen.best + kRise) return;
  seen.begun = true;
  seen.best = agreement;
  seen.best_at = seen.updates;
}

bool PlateauWatch::Reached() const {
  if (span_ == 0 || seen_.empty()) return false;
  return std::all_of(seen_.begin(), seen_.end(), [this](const Seen& seen) {
    return seen.left || (seen.begun && seen.updates - seen.best_at >= span_);
  });
}

}  // namespace stillhouse
