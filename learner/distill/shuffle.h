#pragma once

#include "common/messages/labels.h"

namespace stillhouse::learner {

/// The same rows with each other's labels, truths included: a control in which there is nothing to
/// learn but how often each label comes. The order is a function of the batch's number alone; s and
/// s' are each mixed among themselves.
LabelledBatch WithShuffledLabels(LabelledBatch batch);

}  // namespace stillhouse::learner
