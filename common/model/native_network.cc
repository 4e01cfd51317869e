#include "common/model/native_network.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/model/native_kernels.h"
#include "common/model/native_plan.h"

namespace stillhouse {
namespace {

/// Observations that go through a layer together: enough to use a block of weights often, few
/// enough that their activations stay in the second-level cache.
constexpr std::int64_t kTile = 32;
/// Above this share of set bits multiplying with all of them is faster.
constexpr double kDenseShare = 0.4;

const KernelTable& ChooseKernels(KernelChoice choice) {
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
  if (choice == KernelChoice::kAvx512 && !has_avx512) {
    throw ConfigError("native network: this CPU has no AVX-512");
  }
  return choice == KernelChoice::kAvx2 || !has_avx512 ? kAvx2Kernels : kAvx512Kernels;
}

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

}  // namespace

/// The values of a tile on their way: observation b's begin at data + b * pitch.
struct Flow {
  const float* data = nullptr;
  std::int64_t pitch = 0;
};

struct NativeNetwork::State {
  State(NetworkSpec network, const KernelTable& table)
      : spec(std::move(network)), kernels(table), stages(PlanStages(spec)) {
    std::int64_t widest = spec.Observation().Elements();
    std::int64_t list = 0, padded = 0, margined = 0;
    for (const auto& stage : stages) {
      widest = std::max(widest, stage.out.size);
      margined = std::max(margined, stage.margined_size);
      if (stage.kind == NativeStage::Kind::kLinear) list = std::max(list, stage.in.size);
      if (stage.padding > 0) padded = std::max(padded, stage.padded.size);
    }
    // Large images go through in smaller tiles, so that the scratch memory stays small.
    tile = std::clamp<std::int64_t>((std::int64_t{1} << 21) / widest, 1, kTile);
    for (auto& buffer : buffers) buffer = AlignedFloats(tile * (widest + 16));
    margined_scratch = AlignedFloats(margined);
    padded_scratch = AlignedFloats(padded);
    list_pitch = list + 16;
    block_pitch = list / kRowsPerBlock + 1;
    list_index.resize(static_cast<std::size_t>(tile * list_pitch));
    list_value.resize(static_cast<std::size_t>(tile * list_pitch));
    block_end.resize(static_cast<std::size_t>(tile * block_pitch));
    sparse.resize(static_cast<std::size_t>(tile));
    for (std::int64_t b = 0; b < tile; ++b) {
      sparse[static_cast<std::size_t>(b)] = {list_index.data() + b * list_pitch,
                                             list_value.data() + b * list_pitch,
                                             block_end.data() + b * block_pitch};
    }
  }

  void CheckSizes(std::size_t input, std::int64_t per_observation, std::int64_t batch,
                  std::size_t outputs) const;
  Flow RunConv(const NativeStage& stage, Flow in, std::int64_t batch);
  void RunConvBits(const NativeStage& stage, const std::uint8_t* packed, float* out);
  void ConvOne(const NativeStage& stage, const float* in, float* out);
  Flow RunLinear(const NativeStage& stage, Flow in, std::int64_t batch);
  Flow RunActivation(const NativeStage& stage, Flow in, std::int64_t batch);
  Flow UnpackTile(const std::uint8_t* packed, std::int64_t batch);
  void RunFrom(std::size_t first, Flow in, std::int64_t batch, float* q);
  void RunTile(const std::uint8_t* packed, std::int64_t batch, float* q);
  /// The buffer that the last stage did not write.
  float* NextBuffer() {
    turn = !turn;
    return buffers[turn ? 1 : 0].Data();
  }

  NetworkSpec spec;
  const KernelTable& kernels;
  std::vector<NativeStage> stages;
  std::int64_t tile = 1;
  AlignedFloats buffers[2];
  bool turn = false;
  AlignedFloats margined_scratch, padded_scratch;
  std::int64_t list_pitch = 0, block_pitch = 0;
  std::vector<std::uint32_t> list_index, block_end;
  std::vector<float> list_value;
  std::vector<SparseInput> sparse;  ///< [tile], views of the lists
};

void NativeNetwork::State::CheckSizes(std::size_t input, std::int64_t per_observation,
                                      std::int64_t batch, std::size_t outputs) const {
  if (batch < 0 || std::cmp_not_equal(input, batch * per_observation) ||
      std::cmp_not_equal(outputs, batch * spec.NumActions())) {
    throw ShapeError(fmt::format(
        "forward pass of {} on {}: batch {}, {} input elements, expected {} an observation; {} "
        "outputs, expected {} an observation",
        spec.ToString(), spec.Observation().ToString(), batch, input, per_observation, outputs,
        spec.NumActions()));
  }
}

namespace {

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

void NativeNetwork::State::ConvOne(const NativeStage& stage, const float* in, float* out) {
  if (stage.padding > 0) {
    CopyIntoPadding(stage, in, padded_scratch.Data());
    in = padded_scratch.Data();
  }
  ConvCall call = MakeConvCall(stage, out);
  call.in = in;
  call.row_step = stage.stride * stage.padded.row_step;
  call.column_step = stage.stride * stage.padded.column_step;
  call.window = stage.window.data();
  call.window_size = std::ssize(stage.window);
  kernels.conv_dense(call);
}

Flow NativeNetwork::State::RunConv(const NativeStage& stage, Flow in, std::int64_t batch) {
  float* out = NextBuffer();
  for (std::int64_t b = 0; b < batch; ++b) {
    ConvOne(stage, in.data + b * in.pitch, out + b * stage.out.size);
  }
  return {out, stage.out.size};
}

void NativeNetwork::State::RunConvBits(const NativeStage& stage, const std::uint8_t* packed,
                                       float* out) {
  ConvCall call = MakeConvCall(stage, out);
  call.bits = packed;
  call.num_bits = spec.Observation().Elements();
  call.kernel = stage.kernel;
  call.bit_place = stage.bit_place.data();
  call.bit_weight = stage.bit_weight.data();
  call.margined = margined_scratch.Data();
  call.margined_columns = stage.margined_columns;
  call.margined_places = stage.margined_places;
  call.first_place = stage.first_place;
  kernels.conv_bits(call);
}

Flow NativeNetwork::State::RunLinear(const NativeStage& stage, Flow in, std::int64_t batch) {
  for (std::int64_t b = 0; b < batch; ++b) {
    kernels.find_non_zeros(in.data + b * in.pitch, stage.in.size,
                           list_index.data() + b * list_pitch, list_value.data() + b * list_pitch,
                           block_end.data() + b * block_pitch);
  }
  LinearCall call;
  call.chunks = stage.chunks.data();
  call.num_chunks = std::ssize(stage.chunks);
  call.num_blocks = (stage.in.size + kRowsPerBlock - 1) / kRowsPerBlock;
  call.bias = stage.bias.Data();
  call.in = sparse.data();
  call.batch = batch;
  call.out = NextBuffer();
  call.pitch = stage.out.size;
  call.relu = stage.relu;
  kernels.linear(call);
  return {call.out, call.pitch};
}

Flow NativeNetwork::State::RunActivation(const NativeStage& stage, Flow in, std::int64_t batch) {
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

Flow NativeNetwork::State::UnpackTile(const std::uint8_t* packed, std::int64_t batch) {
  const TensorSpec& observation = spec.Observation();
  const std::int64_t elements = observation.Elements();
  float* out = NextBuffer();
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::uint8_t* from = packed + b * observation.PackedBytes();
    if (observation.kind == ElementKind::kBits) {
      kernels.unpack_bits(from, elements, out + b * elements);
    } else {
      Unpack(observation, from, out + b * elements);
    }
  }
  return {out, elements};
}

void NativeNetwork::State::RunFrom(std::size_t first, Flow in, std::int64_t batch, float* q) {
  for (std::size_t s = first; s < stages.size(); ++s) {
    switch (stages[s].kind) {
      case NativeStage::Kind::kConv:
        in = RunConv(stages[s], in, batch);
        break;
      case NativeStage::Kind::kLinear:
        in = RunLinear(stages[s], in, batch);
        break;
      case NativeStage::Kind::kRelu:
      case NativeStage::Kind::kTanh:
        in = RunActivation(stages[s], in, batch);
        break;
    }
  }
  const std::int64_t num_actions = spec.NumActions();
  for (std::int64_t b = 0; b < batch; ++b, in.data += in.pitch, q += num_actions) {
    if (spec.Layers().back().dueling) {
      CombineDueling(in.data, num_actions, q);
    } else {
      std::copy_n(in.data, num_actions, q);
    }
  }
}

void NativeNetwork::State::RunTile(const std::uint8_t* packed, std::int64_t batch, float* q) {
  const NativeStage& first = stages.front();
  if (first.bit_place.empty()) {
    RunFrom(0, UnpackTile(packed, batch), batch, q);
    return;
  }
  const std::int64_t elements = spec.Observation().Elements();
  const std::int64_t bytes = spec.Observation().PackedBytes();
  float* out = NextBuffer();
  float* unpacked = buffers[turn ? 0 : 1].Data();
  for (std::int64_t b = 0; b < batch; ++b, packed += bytes) {
    float* to = out + b * first.out.size;
    if (static_cast<double>(CountBits(packed, bytes)) <
        kDenseShare * static_cast<double>(elements)) {
      RunConvBits(first, packed, to);
    } else {
      kernels.unpack_bits(packed, elements, unpacked);
      ConvOne(first, unpacked, to);
    }
  }
  RunFrom(1, {out, first.out.size}, batch, q);
}

NativeNetwork::NativeNetwork(NetworkSpec spec, KernelChoice kernels)
    : state_(std::make_unique<State>(std::move(spec), ChooseKernels(kernels))) {}
NativeNetwork::~NativeNetwork() = default;
NativeNetwork::NativeNetwork(NativeNetwork&&) noexcept = default;
NativeNetwork& NativeNetwork::operator=(NativeNetwork&&) noexcept = default;

void NativeNetwork::SetParameters(std::span<const float> values) {
  if (std::cmp_not_equal(values.size(), state_->spec.ParameterCount())) {
    throw ShapeError(fmt::format("native network {}: {} parameters, expected {}",
                                 state_->spec.ToString(), values.size(),
                                 state_->spec.ParameterCount()));
  }
  for (auto& stage : state_->stages) LoadParameters(state_->spec, values, stage);
}

void NativeNetwork::Forward(std::span<const std::uint8_t> packed, std::int64_t batch,
                            std::span<float> q) {
  State& state = *state_;
  const std::int64_t bytes = state.spec.Observation().PackedBytes();
  state.CheckSizes(packed.size(), bytes, batch, q.size());
  for (std::int64_t b = 0; b < batch; b += state.tile) {
    state.RunTile(packed.data() + b * bytes, std::min(state.tile, batch - b),
                  q.data() + b * state.spec.NumActions());
  }
}

void NativeNetwork::ForwardFloats(std::span<const float> observations, std::int64_t batch,
                                  std::span<float> q) {
  State& state = *state_;
  const std::int64_t elements = state.spec.Observation().Elements();
  state.CheckSizes(observations.size(), elements, batch, q.size());
  for (std::int64_t b = 0; b < batch; b += state.tile) {
    state.RunFrom(0, {observations.data() + b * elements, elements},
                  std::min(state.tile, batch - b), q.data() + b * state.spec.NumActions());
  }
}

const NetworkSpec& NativeNetwork::Spec() const { return state_->spec; }
const char* NativeNetwork::KernelName() const { return state_->kernels.name; }

}  // namespace stillhouse
