#include "common/model/native_operators.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "common/base/error.h"

namespace stillhouse {
namespace {

constexpr float kNormEpsilon = 1e-5F;  // PyTorch's

void PlanWindow(const LayerSpec& layer, const std::vector<std::int64_t>& shape,
                NativeStage& stage) {
  stage.kernel = layer.kernel;
  stage.stride = layer.stride;
  stage.padding = layer.padding;
  const std::int64_t pitch =
      stage.in.column_step > 1 ? stage.in.column_step : FilterPitch(stage.in.channels);
  stage.out = PackedLayout(shape[0], shape[1], shape[2], pitch);
}

/// Calls visit(input offset, window element) for the window's places inside the image.
template <typename Visit>
void ForWindow(const NativeStage& stage, std::int64_t row, std::int64_t column, Visit&& visit) {
  for (std::int64_t y = 0; y < stage.kernel; ++y) {
    const std::int64_t r = row * stage.stride + y - stage.padding;
    if (r < 0 || r >= stage.in.rows) continue;
    for (std::int64_t x = 0; x < stage.kernel; ++x) {
      const std::int64_t c = column * stage.stride + x - stage.padding;
      if (c < 0 || c >= stage.in.columns) continue;
      visit(r * stage.in.row_step + c * stage.in.column_step, y * stage.kernel + x);
    }
  }
}

void RunMaxPool(const NativeStage& stage, const float* in, float* out) {
  for (std::int64_t row = 0; row < stage.out.rows; ++row) {
    for (std::int64_t column = 0; column < stage.out.columns; ++column) {
      float* to = out + row * stage.out.row_step + column * stage.out.column_step;
      std::fill_n(to, stage.out.channels, -std::numeric_limits<float>::infinity());
      ForWindow(stage, row, column, [&](std::int64_t at, std::int64_t) {
        for (std::int64_t c = 0; c < stage.out.channels; ++c) {
          to[c] = std::max(to[c], in[at + c * stage.in.channel_step]);
        }
      });
    }
  }
}

void RunDepthwise(const NativeStage& stage, const float* in, float* out) {
  const std::int64_t area = stage.kernel * stage.kernel;
  const float* weights = stage.weights.Data();
  for (std::int64_t row = 0; row < stage.out.rows; ++row) {
    for (std::int64_t column = 0; column < stage.out.columns; ++column) {
      float* to = out + row * stage.out.row_step + column * stage.out.column_step;
      std::copy_n(stage.bias.Data(), stage.out.channels, to);
      ForWindow(stage, row, column, [&](std::int64_t at, std::int64_t k) {
        for (std::int64_t c = 0; c < stage.out.channels; ++c) {
          to[c] += in[at + c * stage.in.channel_step] * weights[c * area + k];
        }
      });
    }
  }
}

void RunMeanPool(const NativeStage& stage, const float* in, float* out) {
  const std::int64_t positions = std::ssize(stage.places) / stage.out.channels;
  for (std::int64_t c = 0; c < stage.out.channels; ++c) {
    double sum = 0;
    for (std::int64_t p = 0; p < positions; ++p) {
      sum += static_cast<double>(in[stage.places[static_cast<std::size_t>(c * positions + p)]]);
    }
    out[c] = static_cast<float>(sum / static_cast<double>(positions));
  }
}

void RunNorm(const NativeStage& stage, const float* in, float* out) {
  const std::int64_t size = std::ssize(stage.places) / stage.groups;
  const std::int64_t positions = std::ssize(stage.places) / stage.channels;
  for (std::int64_t g = 0; g < stage.groups; ++g) {
    const std::uint32_t* places = stage.places.data() + g * size;
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < size; ++i) sum += static_cast<double>(in[places[i]]);
    const double mean = sum / static_cast<double>(size);
    for (std::int64_t i = 0; i < size; ++i) {
      const double off = static_cast<double>(in[places[i]]) - mean;
      squares += off * off;
    }
    const auto scale = static_cast<float>(
        1 / std::sqrt(squares / static_cast<double>(size) + static_cast<double>(kNormEpsilon)));
    const auto centre = static_cast<float>(mean);
    for (std::int64_t i = 0; i < size; ++i) {
      const std::int64_t c = (g * size + i) / positions;
      out[places[i]] =
          (in[places[i]] - centre) * scale * stage.weights.Data()[c] + stage.bias.Data()[c];
    }
  }
}

void RunEmbedding(const NativeStage& stage, const float* in, float* out) {
  const std::int64_t width = stage.out.channels;
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < stage.in.channels; ++i) {
    const float token = in[stage.places[static_cast<std::size_t>(i)]];
    // A number that is no token counts as padding: observations come from outside.
    if (!(token >= 1 && token < static_cast<float>(stage.vocabulary))) continue;
    const float* row = stage.weights.Data() + static_cast<std::int64_t>(token) * width;
    for (std::int64_t w = 0; w < width; ++w) out[w] += row[w];
    ++count;
  }
  if (count == 0) return;
  for (std::int64_t w = 0; w < width; ++w) out[w] /= static_cast<float>(count);
}

void RunView(const NativeStage& stage, const float* in, float* out) {
  const std::int64_t size = stage.out.LogicalSize();
  for (std::int64_t i = 0; i < size; ++i) {
    out[i] = in[stage.places[static_cast<std::size_t>(stage.offset + i)]];
  }
}

}  // namespace

NativeStage PlanOperator(const NetworkSpec& spec, std::size_t index, const ImageLayout& in,
                         std::vector<ImageLayout>& branches) {
  const LayerSpec& layer = spec.Layers()[index];
  const auto& shape = spec.Shapes()[index];
  NativeStage stage;
  stage.in = stage.out = in;
  using Kind = NativeStage::Kind;
  switch (layer.kind) {
    case LayerKind::kMaxPool:
      stage.kind = Kind::kMaxPool;
      PlanWindow(layer, shape, stage);
      break;
    case LayerKind::kDepthwise:
      stage.kind = Kind::kDepthwise;
      PlanWindow(layer, shape, stage);
      stage.parameter_tensors = 2;
      stage.weights = AlignedFloats(shape[0] * layer.kernel * layer.kernel);
      stage.bias = AlignedFloats(shape[0]);
      break;
    case LayerKind::kMeanPool:
      stage.kind = Kind::kMeanPool;
      stage.places = Places(in);
      stage.out = FlatLayout(shape[0], RoundUp(shape[0], 16));
      break;
    case LayerKind::kNorm:
      stage.kind = Kind::kNorm;
      stage.places = Places(in);
      stage.groups = layer.groups;
      stage.channels = shape[0];
      stage.parameter_tensors = 2;
      stage.weights = AlignedFloats(shape[0]);
      stage.bias = AlignedFloats(shape[0]);
      break;
    case LayerKind::kEmbedding:
      stage.kind = Kind::kEmbedding;
      stage.places = Places(in);
      stage.vocabulary = layer.vocabulary;
      stage.out = FlatLayout(shape[0], RoundUp(shape[0], 16));
      stage.parameter_tensors = 1;
      stage.weights = AlignedFloats(layer.vocabulary * shape[0]);
      break;
    case LayerKind::kView:
      stage.kind = Kind::kView;
      stage.places = Places(in);
      stage.offset = layer.offset;
      stage.out = shape.size() == 3 ? PlanarLayout(shape[0], shape[1], shape[2])
                                    : FlatLayout(shape[0], RoundUp(shape[0], 16));
      break;
    case LayerKind::kResidual:
      stage.kind = Kind::kKeep;
      stage.depth = branches.size();
      branches.push_back(in);
      break;
    case LayerKind::kShortcut:
      stage.kind = Kind::kShortcut;
      stage.depth = branches.size() - 1;
      stage.out = branches.back();
      branches.back() = in;
      break;
    case LayerKind::kJoin:
      stage.kind = Kind::kJoin;
      stage.depth = branches.size() - 1;
      stage.places = Places(in);
      stage.other_places = Places(branches.back());
      branches.pop_back();
      break;
    default:
      SH_CHECK(false, "layer kind {} is no operator", static_cast<int>(layer.kind));
  }
  return stage;
}

void LoadOperator(const NetworkSpec& spec, std::span<const float> values, NativeStage& stage) {
  for (std::size_t t = 0; t < stage.tensors.size(); ++t) {
    const TensorEntry& entry = spec.Tensors()[stage.tensors[t]];
    float* to = t == 0 ? stage.weights.Data() : stage.bias.Data();
    std::copy_n(values.data() + entry.offset, entry.Size(), to);
  }
}

void RunOperator(const NativeStage& stage, const float* in, float* out) {
  std::memset(out, 0, static_cast<std::size_t>(stage.out.size) * sizeof(float));
  switch (stage.kind) {
    case NativeStage::Kind::kMaxPool:
      return RunMaxPool(stage, in, out);
    case NativeStage::Kind::kMeanPool:
      return RunMeanPool(stage, in, out);
    case NativeStage::Kind::kDepthwise:
      return RunDepthwise(stage, in, out);
    case NativeStage::Kind::kNorm:
      return RunNorm(stage, in, out);
    case NativeStage::Kind::kView:
      return RunView(stage, in, out);
    case NativeStage::Kind::kEmbedding:
      return RunEmbedding(stage, in, out);
    default:
      SH_CHECK(false, "stage kind {} is no operator", static_cast<int>(stage.kind));
  }
}

void RunJoin(const NativeStage& stage, const float* in, const float* kept, float* out) {
  std::memset(out, 0, static_cast<std::size_t>(stage.out.size) * sizeof(float));
  for (std::size_t i = 0; i < stage.places.size(); ++i) {
    out[stage.places[i]] = in[stage.places[i]] + kept[stage.other_places[i]];
  }
}

}  // namespace stillhouse
