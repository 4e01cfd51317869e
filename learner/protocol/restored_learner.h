#pragma once

#include "common/messages/checkpoint.h"
#include "common/messages/envelope.h"
#include "learner/protocol/checkpoint_state.h"
#include "learner/protocol/compute_port.h"

namespace stillhouse::learner {

/// A learner's state of a checkpoint: its teacher is on its way through `port`, and moved out of
/// what is returned. Throws WireError when `self` has been restored already, or is sent something
/// else than the teacher.
LearnerState LoadRestored(const Restore& restore, bool restored, RoleAddress self,
                          TeacherPort& port);

}  // namespace stillhouse::learner
