#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "common/model/network_spec.h"

namespace stillhouse {

/// Which instructions the native backend uses. Every choice gives bit-identical results.
enum class KernelChoice : std::uint8_t {
  kBest,    ///< the widest that this machine runs
  kAvx2,    ///< the build's floor, x86-64-v3
  kAvx512,  ///< ConfigError where the machine has none
};

/// CPU inference of one network, without Torch or BLAS. Not thread-safe: it owns its scratch
/// memory; one object a thread.
///
/// The Q-values of an observation do not depend on the batch it comes in, nor on the CPU: every
/// output is one fixed sequence of fused multiply-adds (zero inputs may be left out, which changes
/// nothing). Layers of tanh agree as far as the C library's tanhf does.
class NativeNetwork {
 public:
  /// All parameters are zero until SetParameters.
  explicit NativeNetwork(const NetworkSpec& spec, KernelChoice kernels = KernelChoice::kBest);
  ~NativeNetwork();
  NativeNetwork(NativeNetwork&&) noexcept;
  NativeNetwork& operator=(NativeNetwork&&) noexcept;

  /// values: the flat block in the order of NetworkSpec::Tensors(); copied into the kernels' own
  /// layout (0.35 ms for 133 k parameters). Throws ShapeError.
  void SetParameters(std::span<const float> values);

  /// packed [batch x PackedBytes] as the spec's TensorSpec says; q [batch, A] is overwritten.
  /// Throws ShapeError when the sizes do not fit. batch may be 0.
  void Forward(std::span<const std::uint8_t> packed, std::int64_t batch, std::span<float> q);
  /// The same from unpacked observations [batch, elements].
  void ForwardFloats(std::span<const float> observations, std::int64_t batch, std::span<float> q);

  const NetworkSpec& Spec() const;
  /// "avx512" or "avx2"
  const char* KernelName() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stillhouse
