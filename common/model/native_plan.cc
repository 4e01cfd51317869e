#include "common/model/native_plan.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "common/base/error.h"
#include "common/model/native_operators.h"

namespace stillhouse {
namespace {

/// Cuts [0, pitch) into chunks of `widest`, then halves. The weights come later.
std::vector<OutputChunk> CutOutputs(std::int64_t pitch, std::int64_t widest) {
  std::vector<OutputChunk> chunks;
  for (std::int64_t column = 0; column < pitch;) {
    std::int64_t width = widest;
    while (width > pitch - column) width /= 2;
    chunks.push_back({column, width, nullptr});
    column += width;
  }
  return chunks;
}

void AllocateWeights(NativeStage& stage, std::int64_t inputs, std::int64_t pitch) {
  stage.weights = AlignedFloats(inputs * pitch);
  stage.bias = AlignedFloats(pitch);
  for (auto& chunk : stage.chunks) chunk.weights = stage.weights.Data() + chunk.column * inputs;
}

ImageLayout ObservationLayout(const TensorSpec& observation) {
  const auto& shape = observation.shape;
  if (shape.size() == 3) return PlanarLayout(shape[0], shape[1], shape[2]);
  return FlatLayout(observation.Elements(), observation.Elements());
}

void PlanBits(NativeStage& stage) {
  const std::int64_t margin = stage.kernel - 1;
  stage.margined_columns = stage.in.columns + margin;
  stage.margined_places = (stage.in.rows + margin) * stage.margined_columns;
  stage.first_place = (margin - stage.padding) * (stage.margined_columns + 1);
  stage.margined_size = stage.margined_places * stage.chunks.front().width;
  for (std::int64_t c = 0; c < stage.in.channels; ++c) {
    for (std::int64_t y = 0; y < stage.in.rows; ++y) {
      for (std::int64_t x = 0; x < stage.in.columns; ++x) {
        stage.bit_place.push_back(
            static_cast<std::uint32_t>((y + margin) * stage.margined_columns + x + margin));
        stage.bit_weight.push_back(static_cast<std::uint32_t>(c * stage.kernel * stage.kernel));
      }
    }
  }
}

NativeStage PlanConv(const LayerSpec& layer, const ImageLayout& in,
                     const std::vector<std::int64_t>& shape, bool bits) {
  NativeStage stage;
  stage.kind = NativeStage::Kind::kConv;
  stage.in = in;
  stage.kernel = layer.kernel;
  stage.stride = layer.stride;
  stage.padding = layer.padding;
  const std::int64_t pitch = FilterPitch(layer.units);
  stage.out = PackedLayout(shape[0], shape[1], shape[2], pitch);
  stage.chunks = CutOutputs(pitch, 64);
  AllocateWeights(stage, in.channels * layer.kernel * layer.kernel, pitch);

  const std::int64_t rows = in.rows + 2 * layer.padding;
  const std::int64_t columns = in.columns + 2 * layer.padding;
  stage.padded = in.column_step > 1 ? PackedLayout(in.channels, rows, columns, in.column_step)
                                    : PlanarLayout(in.channels, rows, columns);
  const ImageLayout& padded = stage.padded;
  for (std::int64_t c = 0; c < in.channels; ++c) {
    for (std::int64_t y = 0; y < layer.kernel; ++y) {
      for (std::int64_t x = 0; x < layer.kernel; ++x) {
        stage.window.push_back(static_cast<std::uint32_t>(
            c * padded.channel_step + y * padded.row_step + x * padded.column_step));
      }
    }
  }
  if (bits && layer.stride == 1) PlanBits(stage);
  return stage;
}

NativeStage PlanLinear(std::int64_t units, const ImageLayout& in) {
  NativeStage stage;
  stage.kind = NativeStage::Kind::kLinear;
  stage.in = in;
  const std::int64_t pitch = RoundUp(units, 16);
  stage.out = FlatLayout(units, pitch);
  stage.chunks = CutOutputs(pitch, 128);
  AllocateWeights(stage, in.size, pitch);
  return stage;
}

void LoadConv(const float* weight, NativeStage& stage) {
  const std::int64_t inputs = std::ssize(stage.window);
  for (const auto& chunk : stage.chunks) {
    float* to = stage.weights.Data() + chunk.column * inputs;
    const std::int64_t filters = std::min(chunk.width, stage.out.channels - chunk.column);
    for (std::int64_t f = 0; f < filters; ++f) {
      const float* from = weight + (chunk.column + f) * inputs;
      for (std::int64_t k = 0; k < inputs; ++k) to[k * chunk.width + f] = from[k];
    }
  }
}

/// Rows [0, outputs) of `weight` become outputs [first, first + outputs) of the stage.
void LoadLinear(const float* weight, std::int64_t first, std::int64_t outputs, NativeStage& stage) {
  const std::int64_t inputs = stage.in.LogicalSize();
  std::vector<std::int64_t> place(static_cast<std::size_t>(inputs));
  for (std::int64_t i = 0; i < inputs; ++i) {
    place[static_cast<std::size_t>(i)] = stage.in.Place(i);
  }
  for (const auto& chunk : stage.chunks) {
    float* to = stage.weights.Data() + chunk.column * stage.in.size;
    const std::int64_t begin = std::max(first, chunk.column);
    const std::int64_t end = std::min(first + outputs, chunk.column + chunk.width);
    for (std::int64_t o = begin; o < end; ++o) {
      const float* from = weight + (o - first) * inputs;
      for (std::int64_t i = 0; i < inputs; ++i) {
        to[place[static_cast<std::size_t>(i)] * chunk.width + o - chunk.column] = from[i];
      }
    }
  }
}

}  // namespace

AlignedFloats::AlignedFloats(std::int64_t size)
    : size_(RoundUp(std::max<std::int64_t>(size, 1), 16)) {
  const auto bytes = static_cast<std::size_t>(size_) * sizeof(float);
  data_.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
  if (!data_) throw std::bad_alloc();
  std::memset(data_.get(), 0, bytes);
}

std::vector<NativeStage> PlanStages(const NetworkSpec& spec) {
  std::vector<NativeStage> stages;
  std::vector<ImageLayout> branches;  // of the open residual blocks: what the join adds
  ImageLayout layout = ObservationLayout(spec.Observation());
  std::size_t tensor = 0;
  for (std::size_t i = 0; i < spec.Layers().size(); ++i) {
    const LayerSpec& layer = spec.Layers()[i];
    const bool fusible = !stages.empty() && (stages.back().kind == NativeStage::Kind::kConv ||
                                             stages.back().kind == NativeStage::Kind::kLinear);
    std::size_t tensors = 2;
    switch (layer.kind) {
      case LayerKind::kFlatten:
        continue;  // the layout knows where row-major element i lies
      case LayerKind::kRelu:
        if (fusible) {
          stages.back().relu = true;
          continue;
        }
        [[fallthrough]];
      case LayerKind::kTanh: {
        NativeStage& stage = stages.emplace_back();
        stage.kind =
            layer.kind == LayerKind::kRelu ? NativeStage::Kind::kRelu : NativeStage::Kind::kTanh;
        stage.in = stage.out = layout;
        continue;
      }
      case LayerKind::kConv2d: {
        const bool bits = stages.empty() && spec.Observation().kind == ElementKind::kBits;
        stages.push_back(PlanConv(layer, layout, spec.Shapes()[i], bits));
        break;
      }
      case LayerKind::kLinear:
        stages.push_back(PlanLinear(layer.units, layout));
        break;
      case LayerKind::kQHead:
        stages.push_back(PlanLinear(spec.NumActions() + (layer.dueling ? 1 : 0), layout));
        if (layer.dueling) tensors = 4;
        break;
      default:
        stages.push_back(PlanOperator(spec, i, layout, branches));
        tensors = stages.back().parameter_tensors;
        break;
    }
    const bool may_lack_bias =
        layer.kind == LayerKind::kConv2d || layer.kind == LayerKind::kDepthwise;
    if (may_lack_bias && !layer.bias) --tensors;
    for (; tensors > 0; --tensors) stages.back().tensors.push_back(tensor++);
    layout = stages.back().out;
  }
  return stages;
}

void LoadParameters(const NetworkSpec& spec, std::span<const float> values, NativeStage& stage) {
  if (stage.kind != NativeStage::Kind::kConv && stage.kind != NativeStage::Kind::kLinear) {
    return LoadOperator(spec, values, stage);
  }
  std::int64_t first = 0;
  for (std::size_t t = 0; t < stage.tensors.size(); t += 2) {
    const TensorEntry& weight = spec.Tensors()[stage.tensors[t]];
    const float* from = values.data() + weight.offset;
    if (stage.kind == NativeStage::Kind::kConv) {
      LoadConv(from, stage);
    } else {
      LoadLinear(from, first, weight.shape[0], stage);
    }
    if (t + 1 == stage.tensors.size()) return;  // without a bias
    const TensorEntry& bias = spec.Tensors()[stage.tensors[t + 1]];
    for (std::int64_t o = 0; o < bias.Size(); ++o) {
      // -0 becomes 0: adding products with zero inputs must change nothing, not even a sign.
      stage.bias.Data()[first + o] = values[static_cast<std::size_t>(bias.offset + o)] + 0.0F;
    }
    first += bias.Size();
  }
}

}  // namespace stillhouse
