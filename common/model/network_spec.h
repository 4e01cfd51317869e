#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/byte_io.h"
#include "common/base/tensor_spec.h"

namespace stillhouse {

enum class LayerKind : std::uint8_t {
  kConv2d,
  kLinear,
  kRelu,
  kTanh,
  kFlatten,
  kQHead,
  kMaxPool,    ///< greatest of each window, padding never wins
  kMeanPool,   ///< an image's mean over rows and columns
  kDepthwise,  ///< convolution of each channel with a filter of its own
  kNorm,       ///< group normalisation with a scale and an offset a channel (Wu & He 2018)
  kEmbedding,  ///< token numbers [length] to the mean of their vectors [units], padding (0) left
               ///< out
  // A residual block (He et al. 2016) is kResidual, its body, and either kJoin, which adds the
  // block's input, or kShortcut, the layers of the other path, and kJoin, which adds their output.
  kResidual,
  kShortcut,
  kJoin,
  kView,  ///< a part of the observation: numbers [offset, ...) as [units] or [units, kernel,
          ///< kernel]
};

/// Kinds that descriptions of format 1 know.
inline constexpr LayerKind kLastOfFormat1 = LayerKind::kQHead;
inline constexpr LayerKind kLastOfFormat2 = LayerKind::kJoin;

/// One layer as the configuration writes it. Fields that a kind does not use keep their defaults.
struct LayerSpec {
  LayerKind kind = LayerKind::kRelu;
  std::int64_t units = 0;   ///< linear: outputs; conv2d: filters; embedding: width; view: channels
  std::int64_t kernel = 0;  ///< conv2d, depthwise, max_pool: rows = columns of the window; view: of
                            ///< the image, 0: it is flat
  std::int64_t stride = 1;  ///< of the same
  std::int64_t padding = 0;     ///< of the same: on every side, below `kernel`
  bool dueling = false;         ///< q_head: Q = V + A - mean(A) (Wang et al. 2016, eq. 9)
  bool bias = true;             ///< conv2d, depthwise: adds one number a filter
  std::int64_t groups = 1;      ///< norm: channels are normalised in so many groups
  std::int64_t vocabulary = 0;  ///< embedding: tokens, padding among them
  std::int64_t offset = 0;      ///< view: its first number in the observation

  bool operator==(const LayerSpec&) const = default;
};

/// "conv16k3", "fc128", "relu"; a head without its actions is "q" or "dueling".
std::string ToString(const LayerSpec& layer);

/// One row of the canonical parameter table.
struct TensorEntry {
  /// "<index of the layer>.weight" or ".bias"; of the head "head.*", or "value.*", "advantage.*".
  /// A norm's weight is its scale.
  std::string name;
  std::vector<std::int64_t> shape;  ///< torch's: linear [out,in], conv [out,in,kh,kw], bias [out]
  std::int64_t offset = 0;          ///< first value, in floats, in the flat block
  std::int64_t fan_in = 0;          ///< inputs of one output of the layer; 0: see Initial
  /// What it begins with: uniform in +-1/sqrt(fan_in), or all the same.
  enum class Initial : std::uint8_t { kUniform, kZero, kOne };
  Initial initial = Initial::kUniform;

  std::int64_t Size() const;
  bool operator==(const TensorEntry&) const = default;
};

/// A network from one observation [O] to Q-values [A]: what configuration, wire and checkpoints
/// carry and every backend implements. Immutable and valid by construction.
class NetworkSpec {
 public:
  /// Throws ConfigError naming the layer, the shape that reaches it and what it needs.
  static NetworkSpec Create(std::vector<LayerSpec> layers, const TensorSpec& observation,
                            std::int32_t num_actions);

  const std::vector<LayerSpec>& Layers() const { return layers_; }
  const TensorSpec& Observation() const { return observation_; }
  std::int32_t NumActions() const { return num_actions_; }

  /// Shapes()[i] is what layer i hands on, without the batch; the last one is [A].
  const std::vector<std::vector<std::int64_t>>& Shapes() const { return shapes_; }
  /// What layer `index` receives.
  const std::vector<std::int64_t>& InputShape(std::size_t index) const {
    return index == 0 ? observation_.shape : shapes_[index - 1];
  }
  /// The parameters in the order and places of the flat block. Offsets are dense.
  const std::vector<TensorEntry>& Tensors() const { return tensors_; }
  std::int64_t ParameterCount() const { return parameter_count_; }
  /// Some layer is of a kind, or has an option, that only LibTorch trains here.
  bool NeedsAutograd() const;
  /// Multiply-accumulates of one forward pass of one observation. Biases, pooling, norms and sums
  /// are not counted; of an embedding nothing is.
  std::int64_t Macs() const { return macs_; }

  /// Hash of the encoded spec: equal for equal specs on every machine.
  std::uint64_t Fingerprint() const { return fingerprint_; }
  /// "conv16k3-relu-flatten-fc128-relu-dueling(6)"
  std::string ToString() const;

  void Encode(ByteWriter& out) const;
  /// Throws WireError, also for a network that Create refuses.
  static NetworkSpec Decode(ByteReader& in);

  bool operator==(const NetworkSpec& other) const {
    return layers_ == other.layers_ && observation_ == other.observation_ &&
           num_actions_ == other.num_actions_;
  }

 private:
  NetworkSpec() = default;
  void AddLayer(std::size_t index);
  void CheckOutput(std::size_t index) const;
  void AddConv(std::size_t index, const std::vector<std::int64_t>& in);
  void AddMaxPool(std::size_t index, const std::vector<std::int64_t>& in);
  void AddNorm(std::size_t index, const std::vector<std::int64_t>& in);
  void AddEmbedding(std::size_t index, const std::vector<std::int64_t>& in);
  void AddView(std::size_t index, const std::vector<std::int64_t>& in);
  void AddBranch(std::size_t index, const std::vector<std::int64_t>& in);
  /// Checks a window and returns the output's [rows, columns].
  std::vector<std::int64_t> Slide(std::size_t index, const std::vector<std::int64_t>& in) const;
  void AddLinear(std::size_t index, const std::vector<std::int64_t>& in);
  void AddHead(std::size_t index, const std::vector<std::int64_t>& in);
  void AddTensors(const std::string& prefix, const std::vector<std::int64_t>& weight_shape,
                  bool bias = true);
  void AddTensor(TensorEntry entry);
  [[noreturn]] void Refuse(std::size_t index, const std::string& needs) const;

  std::vector<LayerSpec> layers_;
  TensorSpec observation_;
  std::int32_t num_actions_ = 0;
  std::vector<std::vector<std::int64_t>> shapes_;
  std::vector<TensorEntry> tensors_;
  std::int64_t parameter_count_ = 0;
  std::int64_t macs_ = 0;
  std::uint64_t fingerprint_ = 0;
  /// While it is built: what the open residual blocks began with, and what their bodies gave.
  struct Branch {
    std::vector<std::int64_t> in;
    std::vector<std::int64_t> body;  ///< empty: still in it
  };
  std::vector<Branch> branches_;
};

}  // namespace stillhouse
