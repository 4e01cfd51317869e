#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "learner/protocol/compute.h"

namespace stillhouse::learner {

/// Raised whenever a type that crosses the boundary (compute.h, RunConfig, Batch, LabelledBatch)
/// changes: program and module must come from one build.
inline constexpr std::uint32_t kComputeAbi = 6;

/// The learner's module with LibTorch in it, loaded at run time, so that workers, actor hosts and
/// shards never pay for it. It stays mapped until the process ends (LibTorch cannot be unloaded).
class ComputeModule {
 public:
  /// Sets up BLAS, threads and malloc for one fast thread, then loads `stillhouse_learner.so` from
  /// beside the running program (or its parent folder). Call before other threads start: the
  /// set-up writes environment variables; those that the user has set win. Throws ConfigError,
  /// naming the places, when there is no module or it belongs to another build.
  static ComputeModule Load();
  /// The same from a given file.
  static ComputeModule Load(const std::filesystem::path& file);

  ComputeFactory& Factory() const { return *factory_; }

 private:
  using Deleter = void (*)(ComputeFactory*);
  explicit ComputeModule(std::unique_ptr<ComputeFactory, Deleter> factory)
      : factory_(std::move(factory)) {}

  std::unique_ptr<ComputeFactory, Deleter> factory_;
};

}  // namespace stillhouse::learner
