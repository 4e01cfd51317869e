#pragma once

#include "common/messages/labels.h"

namespace stillhouse::learner {

/// The rows of s of `batch` whose truth is not `omit`: what a student sees that never meets a class
/// (Hinton et al. 2015, section 3: the omitted digit). Rows of s' go too, for nobody knows their
/// truth. The result may be empty. Throws ShapeError when the batch has no truths.
LabelledBatch WithoutTruth(const LabelledBatch& batch, std::int32_t omit);

}  // namespace stillhouse::learner
