#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "common/base/byte_io.h"
#include "common/base/tensor_spec.h"

namespace stillhouse::actors {

/// What one step gave. `terminated`: the task's own end, no bootstrapping. `truncated`: a limit
/// from outside cut it off, bootstrap. Both may be set; then terminated wins.
struct StepResult {
  float reward = 0;
  bool terminated = false;
  bool truncated = false;
  bool Done() const { return terminated || truncated; }
};

/// One environment instance. Not thread-safe. All randomness comes from the stream that Seed()
/// starts, so the same seed and actions give the same episode, whatever ran before in this
/// object.
class Environment {
 public:
  virtual ~Environment() = default;

  virtual const EnvironmentSpec& Spec() const = 0;

  /// Starts the stream anew and clears everything that outlives an episode. Call Reset() next.
  virtual void Seed(std::uint64_t seed) = 0;

  /// Begins an episode. Continues the stream.
  virtual void Reset() = 0;

  /// One step; action in [0, A). Not to be called after Done() before the next Reset().
  virtual StepResult Step(std::int32_t action) = 0;

  /// The right action in the present state, where the environment knows it (a data set's label).
  virtual std::optional<std::int32_t> Truth() const { return std::nullopt; }

  /// Writes the present observation, Spec().observation.PackedBytes() bytes, with the mask of legal
  /// actions where the spec has one (WriteActionMask). After a step that ended the episode this is
  /// the final state's observation; of its mask one bit is set too.
  virtual void Observe(std::span<std::uint8_t> packed) const = 0;

  /// The whole state, stream included: Load(Save()) continues identically.
  virtual void Save(ByteWriter& out) const = 0;
  virtual void Load(ByteReader& in) = 0;
};

}  // namespace stillhouse::actors
