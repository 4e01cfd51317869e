#pragma once

#include <string>
#include <vector>

#include "tests/simulation/sim_job.h"

namespace stillhouse::simulation {

/// Messages of one kind in a job that runs steadily, a virtual second.
struct MessageRate {
  std::string name;
  double counted = 0;
  double bytes = 0;  ///< of their bodies
  // Between what numbers docs/scaling.md says that it is; both 0: it says nothing.
  double least = 0;
  double most = 0;
};

struct ScaleRates {
  JobScale scale;
  double seconds = 0;  ///< of virtual time that was counted
  double updates = 0;  ///< of the teacher, a second
  double inserts = 0;  ///< transitions, a second
  double workers = 0;  ///< that were alive in the end
  std::vector<MessageRate> kinds;
  std::vector<std::string> violations;
};

/// Plays a job of this size without faults until it runs steadily, then counts.
ScaleRates MeasureScale(const JobScale& scale, double seconds = 2);

/// For people.
std::string ScaleTable(const ScaleRates& rates);

}  // namespace stillhouse::simulation
