// How long students go on with a teacher that has learnt all it will.
#include <algorithm>

#include "common/config/config_check.h"
#include "common/run/coordinator.h"

namespace stillhouse {

/// Why the tail is over; empty: it is not.
std::string Coordinator::WhyTailIsOver(Time now) {
  if (Living(RoleKind::kStudentHost) == 0) return "there are no students";
  const StopSettings& stop = settings_.config.stop;
  std::uint64_t least = ~std::uint64_t{0};
  for (std::size_t k = 0; k < settings_.config.students.size(); ++k) {
    if (settings_.config.students[k].frozen ||
        dead_.contains({RoleKind::kStudentHost, settings_.host_of_student[k]})) {
      plateau_.Leave(k);
      continue;
    }
    plateau_.On(k, progress_.StudentUpdates(k), progress_.StudentAgreement(k));
    least = std::min(least, progress_.StudentUpdates(k));
  }
  if (plateau_.Reached()) {
    std::string words = fmt::format("no agreement has risen for {} updates:", stop.plateau);
    for (std::size_t k = 0; k < settings_.config.students.size(); ++k) {
      if (settings_.config.students[k].frozen) continue;
      words += fmt::format(" {} {:.3f}", settings_.config.students[k].name,
                           progress_.StudentAgreement(k));
    }
    return words;
  }
  if (!HasFrozenTeacher(settings_.config)) {
    const double length = Seconds(frozen_at_) * stop.distill_tail;
    return Seconds(TailSpent(now)) >= length ? "stop.distill_tail" : "";
  }
  if (stop.updates && least >= static_cast<std::uint64_t>(*stop.updates)) return "stop.updates";
  return stop.time && Seconds(now) >= stop.time->value ? "stop.time" : "";
}

}  // namespace stillhouse
