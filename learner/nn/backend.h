#pragma once

#include <string>

namespace stillhouse::learner {

/// Sets the library behind the models up for one thread and reproducible results; before the first
/// model. Does nothing in a build without LibTorch.
void PrepareBackend();

/// "LibTorch 1.13.1, 0 CUDA device(s)" for the log.
std::string DescribeBackend();

}  // namespace stillhouse::learner
