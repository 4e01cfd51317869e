// Network descriptions, parameter blocks and models' states.
#include <cstring>

#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "common/model/model_state.h"
#include "common/model/native_file.h"
#include "common/model/native_network.h"
#include "common/model/network_spec.h"
#include "common/model/parameters.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/round_trip.h"

namespace stillhouse::fuzz {
namespace {

/// Networks up to this size are played, too.
constexpr std::int64_t kMostMacs = 20000;

NetworkSpec Network(std::vector<LayerSpec> layers, TensorSpec observation, std::int32_t actions) {
  return NetworkSpec::Create(std::move(layers), observation, actions);
}

std::vector<NetworkSpec> SampleNetworks() {
  const LayerSpec head{.kind = LayerKind::kQHead};
  const LayerSpec dueling{.kind = LayerKind::kQHead, .dueling = true};
  return {Network({head}, {ElementKind::kFloats, {4}}, 2),
          Network({{.kind = LayerKind::kLinear, .units = 8}, {.kind = LayerKind::kTanh}, dueling},
                  {ElementKind::kBytes, {3}}, 3),
          Network({{.kind = LayerKind::kResidual},
                   {.kind = LayerKind::kDepthwise, .kernel = 3, .padding = 1, .bias = false},
                   {.kind = LayerKind::kNorm, .groups = 1},
                   {.kind = LayerKind::kShortcut},
                   {.kind = LayerKind::kRelu},
                   {.kind = LayerKind::kJoin},
                   {.kind = LayerKind::kMaxPool, .kernel = 2, .stride = 2},
                   {.kind = LayerKind::kMeanPool},
                   head},
                  {ElementKind::kUnitBytes, {2, 4, 4}}, 3),
          Network({{.kind = LayerKind::kConv2d, .units = 2, .kernel = 3, .padding = 1},
                   {.kind = LayerKind::kRelu},
                   {.kind = LayerKind::kConv2d, .units = 3, .kernel = 2, .stride = 2},
                   {.kind = LayerKind::kFlatten},
                   dueling},
                  {ElementKind::kBits, {2, 4, 4}}, 6)};
}

std::vector<float> Parameters(const NetworkSpec& network) {
  Rng rng(1);
  return InitialParameters(network, rng);
}

/// What an actor does with a network that it was sent.
void Play(const NetworkSpec& network, std::span<const float> parameters) {
  const TensorSpec& observation = network.Observation();
  if (network.Macs() > kMostMacs || observation.Elements() > 1024) return;
  for (const auto& shape : network.Shapes()) {
    std::int64_t elements = 1;
    for (const auto size : shape) elements *= size;
    if (elements > kMostMacs) return;
  }
  NativeNetwork native(network);
  native.SetParameters(parameters);
  const Bytes packed(static_cast<std::size_t>(2 * observation.PackedBytes()), 0);
  std::vector<float> q(static_cast<std::size_t>(2 * network.NumActions()));
  native.Forward(packed, 2, q);
}

FuzzTarget NetworkSpecs() {
  FuzzTarget target{.name = "network_spec", .read = [](auto input, std::string& why) {
                      return Accepts<WireError>(why, [&] {
                        const auto network = DecodedAlike<NetworkSpec>(input);
                        why = network.ToString();
                        if (network.Macs() < 0 || network.ParameterCount() < 0) {
                          throw std::logic_error("a size that has overflowed");
                        }
                        if (network.ParameterCount() > kMostMacs) return;
                        Play(network, Parameters(network));
                      });
                    }};
  for (const auto& network : SampleNetworks()) target.seeds.push_back(Encoded(network));
  // The largest observation and layer there may be: what a product of them does not fit.
  target.seeds.push_back(
      Encoded(Network({{.kind = LayerKind::kFlatten}, {.kind = LayerKind::kQHead}},
                      {ElementKind::kFloats, {1 << 20, 4, 4}}, 1)));
  target.memory_constant = std::size_t{8} << 20U;  // of a network that is played
  return target;
}

void RepairBlock(Bytes& input) {
  if (input.size() < 4) return;
  const std::size_t covered = input.size() - 4;
  if (covered >= 32) {
    const std::uint64_t count = (covered - 32) / 4;
    if (covered % 4 == 0) std::memcpy(input.data() + 24, &count, 8);
  }
  const std::uint32_t crc = Crc32c(std::span(input).first(covered));
  std::memcpy(input.data() + covered, &crc, 4);
}

/// As many bytes as the network needs, its fingerprint and the checksum over them.
void RepairInt8(const NetworkSpec& network, std::size_t at, Bytes& input) {
  const Bytes whole = EncodeNativeFile(
      network,
      QuantizedParameters::Quantize(
          network, std::vector<float>(static_cast<std::size_t>(network.ParameterCount()))));
  if (input.size() < at + 16) return;
  input.resize(whole.size());
  std::memcpy(input.data() + at, whole.data() + at, 16);  // magic, format, fingerprint
  const std::size_t covered = input.size() - 4;
  const std::uint32_t crc = Crc32c(std::span(input).subspan(at, covered - at));
  std::memcpy(input.data() + covered, &crc, 4);
}

/// The block's fingerprint and count follow from the description before it, where that is one.
void RepairNativeFile(Bytes& input) {
  try {
    ByteReader in(input, "native model");
    const auto network = NetworkSpec::Decode(in);
    const std::size_t at = in.Position();
    if (network.ParameterCount() > kMostMacs) return;
    if (QuantizedParameters::IsNext(in)) return RepairInt8(network, at, input);
    Bytes values(input.begin() + static_cast<std::ptrdiff_t>(at), input.end());
    std::vector<float> floats(static_cast<std::size_t>(network.ParameterCount()));
    const std::size_t keep = values.size() < 36 ? 0 : values.size() - 36;
    if (keep > 0 && !floats.empty()) {
      std::memcpy(floats.data(), values.data() + std::min<std::size_t>(32, values.size()),
                  std::min(keep, floats.size() * 4));
    }
    input.resize(at);
    const Bytes block = Encoded(ParameterBlock(network, 3, std::move(floats)));
    input.insert(input.end(), block.begin(), block.end());
  } catch (const WireError&) {
    // Some other description: it is refused as it is.
  }
}

FuzzTarget ParameterBlocks() {
  FuzzTarget target{.name = "parameters", .read = [](auto input, std::string& why) {
                      return Accepts<WireError>(why, [&] { DecodedAlike<ParameterBlock>(input); });
                    }};
  target.repair = RepairBlock;
  for (const auto& network : SampleNetworks()) {
    target.seeds.push_back(Encoded(ParameterBlock(network, 3, Parameters(network))));
  }
  return target;
}

/// A `.native` file: the description, then the parameters, as float32 or as int8.
FuzzTarget NativeFiles() {
  FuzzTarget target{.name = "native_file", .read = [](auto input, std::string& why) {
                      return Accepts<WireError>(why, [&] {
                        const auto file = DecodeNativeFile(input, "native model");
                        why = file.int8 ? "int8" : "float32";
                        Play(file.network, file.parameters);
                      });
                    }};
  for (const auto& network : SampleNetworks()) {
    const auto parameters = Parameters(network);
    target.seeds.push_back(EncodeNativeFile(network, ParameterBlock(network, 3, parameters)));
    target.seeds.push_back(
        EncodeNativeFile(network, QuantizedParameters::Quantize(network, parameters)));
  }
  target.memory_constant = std::size_t{8} << 20U;
  target.repair = RepairNativeFile;
  return target;
}

/// What the parts of a checkpoint hold of a model.
FuzzTarget ModelStates() {
  FuzzTarget target{.name = "model_state", .read = [](auto input, std::string& why) {
                      return Accepts<WireError>(why, [&] {
                        const auto state = DecodedAlike<ModelState>(input);
                        Play(state.network, state.parameters);
                      });
                    }};
  for (const auto& network : SampleNetworks()) {
    ModelState state{.network = network, .optimizer_steps = 9, .parameters = Parameters(network)};
    target.seeds.push_back(Encoded(state));
    state.target = state.average = state.first = state.second = state.parameters;
    target.seeds.push_back(Encoded(state));
  }
  target.memory_constant = std::size_t{8} << 20U;
  return target;
}

}  // namespace

std::vector<FuzzTarget> ModelTargets() {
  return {NetworkSpecs(), ParameterBlocks(), NativeFiles(), ModelStates()};
}

}  // namespace stillhouse::fuzz
