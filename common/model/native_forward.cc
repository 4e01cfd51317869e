#include "common/model/native_forward.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "common/model/native_operators.h"

namespace stillhouse {
namespace {

/// Observations that go through a layer together: enough to use a block of weights often, few
/// enough that their activations stay in the second-level cache.
constexpr std::int64_t kTile = 32;
/// Floats of one activation buffer at most, so that large images do not cost a tile's memory.
constexpr std::int64_t kMaxTileFloats = std::int64_t{1} << 21;
/// Above this share of set bits multiplying with all of them is faster.
constexpr double kDenseShare = 0.4;

std::int64_t CountBits(const std::uint8_t* bytes, std::int64_t count) {
  std::int64_t bits = 0;
  for (; count >= 8; count -= 8, bytes += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes, sizeof word);
    bits += std::popcount(word);
  }
  for (; count > 0; --count, ++bytes) bits += std::popcount(*bytes);
  return bits;
}

/// Q = V + A - mean(A) from head = [V, A...]; the sum in ascending order.
void CombineDueling(const float* head, std::int64_t num_actions, float* q) {
  float sum = 0;
  for (std::int64_t a = 0; a < num_actions; ++a) sum += head[1 + a];
  const float base = head[0] - sum / static_cast<float>(num_actions);
  for (std::int64_t a = 0; a < num_actions; ++a) q[a] = base + head[1 + a];
}

ConvCall MakeConvCall(const NativeStage& stage, float* out) {
  ConvCall call;
  call.chunks = stage.chunks.data();
  call.num_chunks = std::ssize(stage.chunks);
  call.bias = stage.bias.Data();
  call.out = out;
  call.rows = stage.out.rows;
  call.columns = stage.out.columns;
  call.pitch = stage.out.column_step;
  call.relu = stage.relu;
  return call;
}

/// Copies the image into the middle of `padded`, whose border stays zero.
void CopyIntoPadding(const NativeStage& stage, const float* in, float* padded) {
  const ImageLayout& from = stage.in;
  const ImageLayout& to = stage.padded;
  std::memset(padded, 0, static_cast<std::size_t>(to.size) * sizeof(float));
  const bool planar = from.column_step == 1;
  const std::int64_t planes = planar ? from.channels : 1;
  const auto row_bytes = static_cast<std::size_t>(from.columns * from.column_step) * sizeof(float);
  for (std::int64_t c = 0; c < planes; ++c) {
    for (std::int64_t y = 0; y < from.rows; ++y) {
      std::memcpy(padded + c * to.channel_step + (y + stage.padding) * to.row_step +
                      stage.padding * to.column_step,
                  in + c * from.channel_step + y * from.row_step, row_bytes);
    }
  }
}

}  // namespace

NativeForward::NativeForward(const NetworkSpec& spec, const KernelTable& kernels)
    : spec_(spec), kernels_(kernels), stages_(PlanStages(spec)) {
  std::int64_t widest = spec_.Observation().Elements();
  std::int64_t inputs = 0, padded = 0, margined = 0;
  for (const auto& stage : stages_) {
    widest = std::max(widest, stage.out.size);
    margined = std::max(margined, stage.margined_size);
    if (stage.kind == NativeStage::Kind::kLinear) inputs = std::max(inputs, stage.in.size);
    if (stage.kind == NativeStage::Kind::kConv && stage.padding > 0)
      padded = std::max(padded, stage.padded.size);
  }
  tile_ = std::clamp<std::int64_t>(kMaxTileFloats / widest, 1, kTile);
  for (const auto& stage : stages_) {
    if (stage.kind == NativeStage::Kind::kKeep || stage.kind == NativeStage::Kind::kShortcut) {
      branches_.resize(std::max(branches_.size(), stage.depth + 1));
      auto& branch = branches_[stage.depth];
      auto& kept = stage.kind == NativeStage::Kind::kKeep ? branch.input : branch.body;
      if (kept.Size() < tile_ * stage.in.size) kept = AlignedFloats(tile_ * stage.in.size);
    }
  }
  for (auto& buffer : buffers_) buffer = AlignedFloats(tile_ * widest);
  margined_ = AlignedFloats(margined);
  padded_ = AlignedFloats(padded);
  AllocateLists(inputs);
}

void NativeForward::AllocateLists(std::int64_t inputs) {
  list_pitch_ = inputs + 16;
  block_pitch_ = inputs / kRowsPerBlock + 1;
  list_index_.resize(static_cast<std::size_t>(tile_ * list_pitch_));
  list_value_.resize(static_cast<std::size_t>(tile_ * list_pitch_));
  block_end_.resize(static_cast<std::size_t>(tile_ * block_pitch_));
  for (std::int64_t b = 0; b < tile_; ++b) {
    lists_.push_back({list_index_.data() + b * list_pitch_, list_value_.data() + b * list_pitch_,
                      block_end_.data() + b * block_pitch_});
  }
}

void NativeForward::Load(std::span<const float> values) {
  for (auto& stage : stages_) LoadParameters(spec_, values, stage);
}

void NativeForward::RunFloats(const float* observations, std::int64_t batch, float* q) {
  RunFrom(0, {observations, spec_.Observation().Elements()}, batch, q);
}

void NativeForward::ConvOne(const NativeStage& stage, const float* in, float* out) {
  if (stage.padding > 0) {
    CopyIntoPadding(stage, in, padded_.Data());
    in = padded_.Data();
  }
  ConvCall call = MakeConvCall(stage, out);
  call.in = in;
  call.row_step = stage.stride * stage.padded.row_step;
  call.column_step = stage.stride * stage.padded.column_step;
  call.window = stage.window.data();
  call.window_size = std::ssize(stage.window);
  kernels_.conv_dense(call);
}

NativeForward::Flow NativeForward::RunConv(const NativeStage& stage, Flow in, std::int64_t batch) {
  float* out = NextBuffer();
  for (std::int64_t b = 0; b < batch; ++b) {
    ConvOne(stage, in.data + b * in.pitch, out + b * stage.out.size);
  }
  return {out, stage.out.size};
}

void NativeForward::RunConvBits(const NativeStage& stage, const std::uint8_t* packed, float* out) {
  ConvCall call = MakeConvCall(stage, out);
  call.bits = packed;
  call.num_bits = spec_.Observation().Elements();
  call.kernel = stage.kernel;
  call.bit_place = stage.bit_place.data();
  call.bit_weight = stage.bit_weight.data();
  call.margined = margined_.Data();
  call.margined_columns = stage.margined_columns;
  call.margined_places = stage.margined_places;
  call.first_place = stage.first_place;
  kernels_.conv_bits(call);
}

NativeForward::Flow NativeForward::RunLinear(const NativeStage& stage, Flow in,
                                             std::int64_t batch) {
  for (std::int64_t b = 0; b < batch; ++b) {
    kernels_.find_non_zeros(
        in.data + b * in.pitch, stage.in.size, list_index_.data() + b * list_pitch_,
        list_value_.data() + b * list_pitch_, block_end_.data() + b * block_pitch_);
  }
  LinearCall call;
  call.chunks = stage.chunks.data();
  call.num_chunks = std::ssize(stage.chunks);
  call.num_blocks = (stage.in.size + kRowsPerBlock - 1) / kRowsPerBlock;
  call.bias = stage.bias.Data();
  call.in = lists_.data();
  call.batch = batch;
  call.out = NextBuffer();
  call.pitch = stage.out.size;
  call.relu = stage.relu;
  kernels_.linear(call);
  return {call.out, call.pitch};
}

NativeForward::Flow NativeForward::Keep(Flow in, std::int64_t size, std::int64_t batch,
                                        AlignedFloats& to) {
  for (std::int64_t b = 0; b < batch; ++b) {
    std::copy_n(in.data + b * in.pitch, size, to.Data() + b * size);
  }
  return {to.Data(), size};
}

NativeForward::Flow NativeForward::RunOperators(const NativeStage& stage, Flow in,
                                                std::int64_t batch) {
  if (stage.kind == NativeStage::Kind::kKeep) {
    Branch& branch = branches_[stage.depth];
    branch.kept = Keep(in, stage.in.size, batch, branch.input);
    return in;
  }
  if (stage.kind == NativeStage::Kind::kShortcut) {
    Branch& branch = branches_[stage.depth];
    const Flow input = branch.kept;
    branch.kept = Keep(in, stage.in.size, batch, branch.body);
    return input;
  }
  float* out = NextBuffer();
  for (std::int64_t b = 0; b < batch; ++b) {
    const float* from = in.data + b * in.pitch;
    if (stage.kind == NativeStage::Kind::kJoin) {
      const Flow kept = branches_[stage.depth].kept;
      RunJoin(stage, from, kept.data + b * kept.pitch, out + b * stage.out.size);
    } else {
      RunOperator(stage, from, out + b * stage.out.size);
    }
  }
  return {out, stage.out.size};
}

NativeForward::Flow NativeForward::RunActivation(const NativeStage& stage, Flow in,
                                                 std::int64_t batch) {
  float* out = NextBuffer();
  const std::int64_t size = stage.out.size;
  for (std::int64_t b = 0; b < batch; ++b) {
    const float* from = in.data + b * in.pitch;
    float* to = out + b * size;
    if (stage.kind == NativeStage::Kind::kTanh) {
      for (std::int64_t i = 0; i < size; ++i) to[i] = std::tanh(from[i]);
    } else {
      for (std::int64_t i = 0; i < size; ++i) to[i] = from[i] <= 0.0F ? 0.0F : from[i];
    }
  }
  return {out, size};
}

NativeForward::Flow NativeForward::UnpackTile(const std::uint8_t* packed, std::int64_t batch) {
  const TensorSpec& observation = spec_.Observation();
  const std::int64_t elements = observation.Elements();
  float* out = NextBuffer();
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::uint8_t* from = packed + b * observation.PackedBytes();
    if (observation.kind == ElementKind::kBits) {
      kernels_.unpack_bits(from, elements, out + b * elements);
    } else {
      Unpack(observation, from, out + b * elements);
    }
  }
  return {out, elements};
}

void NativeForward::RunFrom(std::size_t first, Flow in, std::int64_t batch, float* q) {
  for (std::size_t s = first; s < stages_.size(); ++s) {
    switch (stages_[s].kind) {
      case NativeStage::Kind::kConv:
        in = RunConv(stages_[s], in, batch);
        break;
      case NativeStage::Kind::kLinear:
        in = RunLinear(stages_[s], in, batch);
        break;
      case NativeStage::Kind::kRelu:
      case NativeStage::Kind::kTanh:
        in = RunActivation(stages_[s], in, batch);
        break;
      default:
        in = RunOperators(stages_[s], in, batch);
        break;
    }
  }
  const std::int64_t num_actions = spec_.NumActions();
  for (std::int64_t b = 0; b < batch; ++b, in.data += in.pitch, q += num_actions) {
    if (spec_.Layers().back().dueling) {
      CombineDueling(in.data, num_actions, q);
    } else {
      std::copy_n(in.data, num_actions, q);
    }
  }
}

void NativeForward::RunPacked(const std::uint8_t* packed, std::int64_t batch, float* q) {
  const NativeStage& first = stages_.front();
  if (first.bit_place.empty()) {
    RunFrom(0, UnpackTile(packed, batch), batch, q);
    return;
  }
  const std::int64_t elements = spec_.Observation().Elements();
  const std::int64_t bytes = spec_.Observation().PackedBytes();
  const std::int64_t bit_bytes = spec_.Observation().ElementBytes();
  float* out = NextBuffer();
  float* unpacked = buffers_[turn_ ? 0 : 1].Data();
  for (std::int64_t b = 0; b < batch; ++b, packed += bytes) {
    float* to = out + b * first.out.size;
    if (static_cast<double>(CountBits(packed, bit_bytes)) <
        kDenseShare * static_cast<double>(elements)) {
      RunConvBits(first, packed, to);
    } else {
      kernels_.unpack_bits(packed, elements, unpacked);
      ConvOne(first, unpacked, to);
    }
  }
  RunFrom(1, {out, first.out.size}, batch, q);
}

}  // namespace stillhouse
