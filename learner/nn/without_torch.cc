// What stands in for the files of LibTorch in a build without it (-DSTILLHOUSE_TORCH=OFF): models
// train on the CPU alone, by the fused network. Sanitizers need such a build.
#include "common/base/error.h"
#include "learner/nn/backend.h"
#include "learner/nn/trained_model.h"

namespace stillhouse::learner {

void PrepareBackend() {}

std::string DescribeBackend() { return "built without LibTorch, CPU only"; }

std::string ResolveDevice(const std::string& configured) {
  if (configured != "cpu" && configured != "auto") {
    throw ConfigError(
        fmt::format("device \"{}\": this build has no LibTorch: must be auto or cpu", configured));
  }
  return "cpu";
}

std::unique_ptr<TrainedModel> MakeTorchModel(const NetworkSpec& spec, const OptimizerSettings&,
                                             std::span<const float>, const std::string& device) {
  throw ConfigError(fmt::format("network {} on {}: needs LibTorch, which this build has not",
                                spec.ToString(), device));
}

std::unique_ptr<TappedModel> MakeTappedModel(const NetworkSpec& spec, const OptimizerSettings&,
                                             std::span<const float>, const std::string&,
                                             std::vector<std::size_t>) {
  throw ConfigError(
      fmt::format("network {}: learning from features needs LibTorch, which this build has not",
                  spec.ToString()));
}

}  // namespace stillhouse::learner
