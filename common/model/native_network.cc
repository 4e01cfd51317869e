#include "common/model/native_network.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/model/native_forward.h"

namespace stillhouse {
namespace {

const KernelTable& ChooseKernels(KernelChoice choice) {
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
  if (choice == KernelChoice::kAvx512 && !has_avx512) {
    throw ConfigError("native network: this CPU has no AVX-512");
  }
  return choice == KernelChoice::kAvx2 || !has_avx512 ? kAvx2Kernels : kAvx512Kernels;
}

void CheckSizes(const NetworkSpec& spec, std::size_t input, std::int64_t per_observation,
                std::int64_t batch, std::size_t outputs) {
  if (batch < 0 || std::cmp_not_equal(input, batch * per_observation) ||
      std::cmp_not_equal(outputs, batch * spec.NumActions())) {
    throw ShapeError(fmt::format(
        "forward pass of {} on {}: batch {}, {} input elements, expected {} an observation; {} "
        "outputs, expected {} an observation",
        spec.ToString(), spec.Observation().ToString(), batch, input, per_observation, outputs,
        spec.NumActions()));
  }
}

}  // namespace

struct NativeNetwork::State {
  NativeForward forward;
};

NativeNetwork::NativeNetwork(const NetworkSpec& spec, KernelChoice kernels)
    : state_(std::make_unique<State>(State{NativeForward(spec, ChooseKernels(kernels))})) {}
NativeNetwork::~NativeNetwork() = default;
NativeNetwork::NativeNetwork(NativeNetwork&&) noexcept = default;
NativeNetwork& NativeNetwork::operator=(NativeNetwork&&) noexcept = default;

void NativeNetwork::SetParameters(std::span<const float> values) {
  if (std::cmp_not_equal(values.size(), Spec().ParameterCount())) {
    throw ShapeError(fmt::format("native network {}: {} parameters, expected {}", Spec().ToString(),
                                 values.size(), Spec().ParameterCount()));
  }
  state_->forward.Load(values);
}

void NativeNetwork::Forward(std::span<const std::uint8_t> packed, std::int64_t batch,
                            std::span<float> q) {
  NativeForward& forward = state_->forward;
  const std::int64_t bytes = Spec().Observation().PackedBytes();
  CheckSizes(Spec(), packed.size(), bytes, batch, q.size());
  for (std::int64_t b = 0; b < batch; b += forward.Tile()) {
    forward.RunPacked(packed.data() + b * bytes, std::min(forward.Tile(), batch - b),
                      q.data() + b * Spec().NumActions());
  }
}

void NativeNetwork::ForwardFloats(std::span<const float> observations, std::int64_t batch,
                                  std::span<float> q) {
  NativeForward& forward = state_->forward;
  const std::int64_t elements = Spec().Observation().Elements();
  CheckSizes(Spec(), observations.size(), elements, batch, q.size());
  for (std::int64_t b = 0; b < batch; b += forward.Tile()) {
    forward.RunFloats(observations.data() + b * elements, std::min(forward.Tile(), batch - b),
                      q.data() + b * Spec().NumActions());
  }
}

const NetworkSpec& NativeNetwork::Spec() const { return state_->forward.Spec(); }
const char* NativeNetwork::KernelName() const { return state_->forward.Kernels().name; }

}  // namespace stillhouse
