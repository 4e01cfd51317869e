#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "common/model/native_kernels.h"
#include "common/model/native_layout.h"
#include "common/model/network_spec.h"

namespace stillhouse {

/// Floats on a cache line's boundary, zero at first. The kernels load whole vectors.
class AlignedFloats {
 public:
  AlignedFloats() = default;
  explicit AlignedFloats(std::int64_t size);
  float* Data() { return data_.get(); }
  const float* Data() const { return data_.get(); }
  std::int64_t Size() const { return size_; }

 private:
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };
  std::unique_ptr<float[], Free> data_;
  std::int64_t size_ = 0;
};

/// One step of the forward pass: layers with what can be done while their values are in registers.
struct NativeStage {
  enum class Kind : std::uint8_t {
    kConv,
    kLinear,
    kRelu,
    kTanh,
    // native_operators.h
    kMaxPool,
    kMeanPool,
    kDepthwise,
    kNorm,
    kEmbedding,
    kKeep,      ///< a residual block begins: its input is kept
    kShortcut,  ///< the body's output is kept, the block's input goes on
    kJoin,      ///< what is kept is added
    kView,      ///< a part of the observation
  };
  Kind kind = Kind::kLinear;
  ImageLayout in, out;
  bool relu = false;  ///< kConv, kLinear: applied to the outputs
  std::vector<OutputChunk> chunks;
  AlignedFloats weights;  ///< every chunk's [inputs][width], one after the other
  AlignedFloats bias;     ///< [pitch]
  /// Where this stage's tensors stand in NetworkSpec::Tensors(): weight, bias, weight, bias, ...;
  /// a dueling head has two pairs, its outputs are the value, then the advantages.
  std::vector<std::size_t> tensors;

  // Operators. `weights` and `bias` hold the tensors as they are.
  std::size_t parameter_tensors = 0;  ///< of the canonical table
  std::size_t depth = 0;              ///< kKeep, kShortcut, kJoin: residual blocks around this one
  std::int64_t groups = 1;            ///< kNorm
  std::int64_t channels = 0;          ///< kNorm: numbers with a scale and an offset of their own
  std::int64_t vocabulary = 0;        ///< kEmbedding
  std::int64_t offset = 0;            ///< kView
  /// Where row-major element i lies in `in`, and in `out` where that differs: kMeanPool, kNorm,
  /// kJoin (`places` in the input, `other_places` in what is kept).
  std::vector<std::uint32_t> places, other_places;

  // kConv, kMaxPool, kDepthwise. kConv's input is the padded image.
  std::int64_t kernel = 0, stride = 1, padding = 0;
  ImageLayout padded;
  std::vector<std::uint32_t> window;  ///< [channels * kernel * kernel], offset from the corner

  // kConv on bits with stride 1: see ConvCall. Empty where that way does not apply.
  std::vector<std::uint32_t> bit_place, bit_weight;
  std::int64_t margined_columns = 0, margined_places = 0, first_place = 0;
  std::int64_t margined_size = 0;  ///< floats
};

/// The stages of a network, the head last. The weights are zero.
std::vector<NativeStage> PlanStages(const NetworkSpec& spec);

/// Fills weights and bias of a stage from the flat block `values`.
void LoadParameters(const NetworkSpec& spec, std::span<const float> values, NativeStage& stage);

}  // namespace stillhouse
