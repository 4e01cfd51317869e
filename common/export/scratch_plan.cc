#include "common/export/scratch_plan.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace stillhouse {
namespace {

/// A value on its way: a buffer, or a part of the observation.
struct Value {
  std::optional<std::size_t> buffer;  ///< nullopt: the observation's, from `offset` on
  std::int64_t offset = 0;
};

/// Buffers with the number of values that each holds at the moment, 0 or 1, or more when a residual
/// block keeps what goes on, too.
class Buffers {
 public:
  /// The one with the least to grow by and to waste.
  Value Take(std::int64_t floats) {
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
      if (buffers_[i].uses > 0) continue;
      if (!best || Better(buffers_[i].floats, buffers_[*best].floats, floats)) best = i;
    }
    if (!best) {
      best = buffers_.size();
      buffers_.push_back({});
    }
    Buffer& buffer = buffers_[*best];
    buffer.uses = 1;
    buffer.floats = std::max(buffer.floats, floats);
    return {best, 0};
  }
  void Keep(const Value& value) {
    if (value.buffer) ++buffers_[*value.buffer].uses;
  }
  void Release(const Value& value) {
    if (value.buffer) --buffers_[*value.buffer].uses;
  }
  /// Nobody else needs the value: its place may be overwritten.
  bool IsOwn(const Value& value) const { return value.buffer && buffers_[*value.buffer].uses == 1; }

  /// Once all are known: buffer i begins at [i]; the last entry is the end.
  std::vector<std::int64_t> Offsets() const {
    std::vector<std::int64_t> offsets = {0};
    for (const Buffer& buffer : buffers_) offsets.push_back(offsets.back() + buffer.floats);
    return offsets;
  }

 private:
  struct Buffer {
    std::int64_t floats = 0;
    int uses = 0;
  };
  static bool Better(std::int64_t a, std::int64_t b, std::int64_t wanted) {
    if (a >= wanted && b >= wanted) return a < b;
    return a > b;
  }
  std::vector<Buffer> buffers_;
};

std::int64_t Product(const std::vector<std::int64_t>& shape) {
  std::int64_t product = 1;
  for (const auto size : shape) product *= size;
  return product;
}

struct LayerValues {
  Value in, out, other;
};

}  // namespace

ScratchPlan PlanScratch(const NetworkSpec& spec) {
  Buffers buffers;
  std::vector<Value> kept;  // of the open residual blocks
  std::vector<LayerValues> layers;
  Value current;
  for (std::size_t i = 0; i < spec.Layers().size(); ++i) {
    const LayerSpec& layer = spec.Layers()[i];
    LayerValues values{current, current, {}};
    const auto next = [&](bool in_place) {
      if (in_place && buffers.IsOwn(current)) return;
      values.out = buffers.Take(Product(spec.Shapes()[i]));
      buffers.Release(current);
    };
    switch (layer.kind) {
      case LayerKind::kFlatten:
      case LayerKind::kQHead:
        break;
      case LayerKind::kView:
        values.out.offset += layer.offset;
        break;
      case LayerKind::kResidual:
        buffers.Keep(current);
        kept.push_back(current);
        break;
      case LayerKind::kShortcut:
        std::swap(kept.back(), values.out);
        break;
      case LayerKind::kJoin:
        values.other = kept.back();
        next(true);
        buffers.Release(kept.back());
        kept.pop_back();
        break;
      case LayerKind::kRelu:
      case LayerKind::kTanh:
        next(true);
        break;
      case LayerKind::kConv2d:
      case LayerKind::kLinear:
      case LayerKind::kMaxPool:
      case LayerKind::kMeanPool:
      case LayerKind::kDepthwise:
      case LayerKind::kNorm:
      case LayerKind::kEmbedding:
        next(false);
        break;
    }
    current = values.out;
    layers.push_back(values);
  }
  const auto offsets = buffers.Offsets();
  const auto place = [&](const Value& value) -> ScratchPlace {
    if (!value.buffer) return {ScratchPlace::Memory::kObservation, value.offset};
    return {ScratchPlace::Memory::kScratch, offsets[*value.buffer]};
  };
  ScratchPlan plan;
  plan.floats = offsets.back();
  for (const auto& values : layers) {
    plan.layers.push_back({place(values.in), place(values.out), place(values.other)});
  }
  plan.layers.back().out = {ScratchPlace::Memory::kOutput, 0};
  return plan;
}

}  // namespace stillhouse
