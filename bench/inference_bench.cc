// Native inference on one core: JSON lines {name, value, unit, higher_is_better, conditions}.
#include <span>
#include <string>

#include <fmt/core.h>

#include "bench/inference_cases.h"
#include "common/model/native_network.h"

namespace stillhouse::bench {
namespace {

void Print(const std::string& name, double value, const char* unit, bool higher_is_better,
           const std::string& conditions) {
  fmt::print(R"({{"name":"{}","value":{:.6g},"unit":"{}","higher_is_better":{},"conditions":"{}"}})"
             "\n",
             name, value, unit, higher_is_better, conditions);
}

/// Times `forward(first, batch, q)` at every batch size and prints microseconds a batch,
/// observations a second and the GFLOP/s that dense arithmetic would have needed.
template <typename Forward>
void Measure(const std::string& name, const NativeNetwork& network, Forward&& forward) {
  const NetworkSpec& spec = network.Spec();
  for (const std::int64_t batch : {1, 8, 64}) {
    std::vector<float> q(static_cast<std::size_t>(batch * spec.NumActions()));
    const double seconds =
        MedianSeconds(batch, [&](std::int64_t first) { forward(first, batch, std::span(q)); });
    const std::string conditions =
        fmt::format("{}, {}, one core, median of 15", spec.ToString(), network.KernelName());
    const std::string stem = fmt::format("inference.native.{}.b{}", name, batch);
    const auto rows = static_cast<double>(batch);
    Print(stem + ".us", seconds * 1e6, "us", false, conditions);
    Print(stem + ".rate", rows / seconds, "1/s", true, conditions);
    Print(stem + ".gflops", 2e-9 * static_cast<double>(spec.Macs()) * rows / seconds, "GFLOP/s",
          true, conditions + ", dense-equivalent");
  }
}

void MeasureNetwork(const std::string& name, NetworkSpec (*make)(ElementKind),
                    KernelChoice kernels) {
  const auto bits = BreakoutObservations();
  NativeNetwork on_bits(make(ElementKind::kBits), kernels);
  on_bits.SetParameters(BenchParameters(on_bits.Spec()));
  Measure(
      name + ".breakout", on_bits, [&](std::int64_t first, std::int64_t batch, std::span<float> q) {
        on_bits.Forward({bits.data() + first * 50, static_cast<std::size_t>(batch * 50)}, batch, q);
      });
  const auto floats = DenseObservations();
  NativeNetwork on_floats(make(ElementKind::kFloats), kernels);
  on_floats.SetParameters(BenchParameters(on_floats.Spec()));
  Measure(name + ".dense", on_floats,
          [&](std::int64_t first, std::int64_t batch, std::span<float> q) {
            on_floats.ForwardFloats(
                {floats.data() + first * 400, static_cast<std::size_t>(batch * 400)}, batch, q);
          });
}

}  // namespace
}  // namespace stillhouse::bench

int main(int argc, char** argv) {
  using stillhouse::KernelChoice;
  const bool avx2 = argc > 1 && std::string(argv[1]) == "--avx2";
  const KernelChoice kernels = avx2 ? KernelChoice::kAvx2 : KernelChoice::kBest;
  stillhouse::bench::MeasureNetwork("teacher", stillhouse::bench::TeacherNetwork, kernels);
  stillhouse::bench::MeasureNetwork("student", stillhouse::bench::StudentNetwork, kernels);
  return 0;
}
