#include <fmt/format.h>
#include <torch/torch.h>

#include "learner/nn/backend.h"

namespace stillhouse::learner {

void PrepareBackend() {
  torch::set_num_threads(1);
  // May be set once a process, and only before the first parallel work.
  if (at::get_num_interop_threads() != 1) at::set_num_interop_threads(1);
  at::globalContext().setDeterministicCuDNN(true);
  at::globalContext().setBenchmarkCuDNN(false);
}

std::string DescribeBackend() {
  return fmt::format(
      "LibTorch {}.{}.{}, {} CUDA device(s)", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR,
      TORCH_VERSION_PATCH,
      torch::cuda::is_available() ? static_cast<int>(torch::cuda::device_count()) : 0);
}

}  // namespace stillhouse::learner
