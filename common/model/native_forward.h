#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/model/native_kernels.h"
#include "common/model/native_plan.h"
#include "common/model/network_spec.h"

namespace stillhouse {

/// Runs the stages of a network over tiles of observations. Owns the packed weights and all scratch
/// memory; allocates nothing after construction.
class NativeForward {
 public:
  NativeForward(const NetworkSpec& spec, const KernelTable& kernels);

  /// values: the flat block, of the right size.
  void Load(std::span<const float> values);
  /// packed [batch x PackedBytes], q [batch, A]; batch from 1 to Tile().
  void RunPacked(const std::uint8_t* packed, std::int64_t batch, float* q);
  /// observations [batch, elements].
  void RunFloats(const float* observations, std::int64_t batch, float* q);

  std::int64_t Tile() const { return tile_; }
  const NetworkSpec& Spec() const { return spec_; }
  const KernelTable& Kernels() const { return kernels_; }

 private:
  /// The values of a tile on their way: observation b's begin at data + b * pitch.
  struct Flow {
    const float* data = nullptr;
    std::int64_t pitch = 0;
  };

  void AllocateLists(std::int64_t inputs);
  Flow UnpackTile(const std::uint8_t* packed, std::int64_t batch);
  void RunConvBits(const NativeStage& stage, const std::uint8_t* packed, float* out);
  void ConvOne(const NativeStage& stage, const float* in, float* out);
  Flow RunConv(const NativeStage& stage, Flow in, std::int64_t batch);
  Flow RunLinear(const NativeStage& stage, Flow in, std::int64_t batch);
  /// A stage of native_operators.h.
  Flow RunOperators(const NativeStage& stage, Flow in, std::int64_t batch);
  /// A copy of the tile's values that later stages leave alone.
  Flow Keep(Flow in, std::int64_t size, std::int64_t batch, AlignedFloats& to);
  Flow RunActivation(const NativeStage& stage, Flow in, std::int64_t batch);
  /// Stages from `first` to the head.
  void RunFrom(std::size_t first, Flow in, std::int64_t batch, float* q);
  /// The buffer that the last stage did not write.
  float* NextBuffer() {
    turn_ = !turn_;
    return buffers_[turn_ ? 1 : 0].Data();
  }

  NetworkSpec spec_;
  const KernelTable& kernels_;
  std::vector<NativeStage> stages_;
  std::int64_t tile_ = 1;
  AlignedFloats buffers_[2];  ///< a tile's values before and after a stage
  bool turn_ = false;
  AlignedFloats margined_, padded_;
  /// Of residual blocks within one another: what each keeps for its end.
  struct Branch {
    AlignedFloats input, body;
    Flow kept;
  };
  std::vector<Branch> branches_;
  // Non-zero inputs of a linear stage, one list an observation of the tile.
  std::int64_t list_pitch_ = 0, block_pitch_ = 0;
  std::vector<std::uint32_t> list_index_, block_end_;
  std::vector<float> list_value_;
  std::vector<SparseInput> lists_;
};

}  // namespace stillhouse
