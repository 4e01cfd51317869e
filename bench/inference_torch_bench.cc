// NativeNetwork against eager LibTorch on Breakout-like observations, one thread: JSON lines.
#include <string>

#include "bench/compare.h"
#include "bench/eager_networks.h"
#include "bench/inference_cases.h"
#include "common/model/native_network.h"

namespace stillhouse::bench {
namespace {

void Measure(const std::string& suffix, NetworkSpec (*make)(ElementKind), std::int64_t filters,
             std::int64_t units, bool quick) {
  const torch::NoGradGuard no_grad;
  const auto packed = BreakoutObservations();
  const auto floats = EagerObservations(packed);
  EagerNetwork eager(filters, units);
  NativeNetwork native(make(ElementKind::kBits));
  native.SetParameters(BenchParameters(native.Spec()));
  for (const std::int64_t batch : {1, 64}) {
    std::vector<float> q(static_cast<std::size_t>(batch * 6));
    std::int64_t at = 0;
    const auto next = [&] { return at = at + 2 * batch <= kPool ? at + batch : 0; };
    // The reference gets slices that are made beforehand.
    std::vector<torch::Tensor> slices;
    for (std::int64_t i = 0; i + batch <= kPool; i += batch) {
      slices.push_back(floats.narrow(0, i, batch));
    }
    std::size_t slice = 0;
    const auto comparison = Compare(
        [&] { eager(slices[slice = (slice + 1) % slices.size()]); },
        [&] {
          native.Forward({packed.data() + next() * 50, static_cast<std::size_t>(batch * 50)}, batch,
                         q);
        },
        quick, 0.2);
    Print("inference.native_vs_torch." + suffix + "b" + std::to_string(batch), comparison,
          native.Spec().ToString() + " on breakout-like bits, " + native.KernelName());
  }
}

}  // namespace
}  // namespace stillhouse::bench

int main(int argc, char** argv) {
  using namespace stillhouse::bench;
  TuneProcess(argv);
  torch::set_num_threads(1);
  const bool quick = argc > 1 && std::string(argv[1]) == "--quick";
  Measure("", TeacherNetwork, 16, 128, quick);
  Measure("student.", StudentNetwork, 4, 32, quick);
  return 0;
}
