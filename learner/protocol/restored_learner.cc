#include "learner/protocol/restored_learner.h"

#include <utility>

#include <fmt/format.h>

#include "common/base/error.h"

namespace stillhouse::learner {

LearnerState LoadRestored(const Restore& restore, bool restored, RoleAddress self,
                          TeacherPort& port) {
  if (restored || restore.models.size() != 1 || restore.models.front().model != 0) {
    throw WireError(fmt::format("{}: a Restore of {} models{}", self.ToString(),
                                restore.models.size(), restored ? " after the start" : ""));
  }
  LearnerState state = LearnerState::Decode(restore.models.front().bytes);
  TeacherJob load;
  load.kind = TeacherJob::Kind::kLoad;
  load.state = std::move(state.teacher);
  port.Submit(std::move(load));
  return state;
}

}  // namespace stillhouse::learner
