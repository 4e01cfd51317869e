#include "common/model/native_network.h"

#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/rng.h"
#include "common/model/parameters.h"
#include "tests/support/reference_network.h"

namespace stillhouse {
namespace {

constexpr LayerSpec kRelu{.kind = LayerKind::kRelu};
constexpr LayerSpec kTanh{.kind = LayerKind::kTanh};
constexpr LayerSpec kFlatten{.kind = LayerKind::kFlatten};

LayerSpec Conv(std::int64_t filters, std::int64_t kernel, std::int64_t stride = 1,
               std::int64_t padding = 0) {
  return {LayerKind::kConv2d, filters, kernel, stride, padding, false};
}
LayerSpec Fc(std::int64_t units) { return {.kind = LayerKind::kLinear, .units = units}; }
LayerSpec Head(bool dueling) { return {.kind = LayerKind::kQHead, .dueling = dueling}; }

std::int64_t Pick(Rng& rng, std::initializer_list<std::int64_t> from) {
  return from.begin()[rng.Below(from.size())];
}

/// Random convolutions (0 to 2), then linear layers (0 to 2), then a head.
NetworkSpec RandomNetwork(Rng& rng) {
  TensorSpec observation;
  observation.kind = static_cast<ElementKind>(rng.Below(3));
  std::vector<LayerSpec> layers;
  const auto activation = [&] {
    const auto which = rng.Below(4);
    if (which < 2) layers.push_back(kRelu);
    if (which == 2) layers.push_back(kTanh);
  };
  if (rng.Below(3) > 0) {
    observation.shape = {Pick(rng, {1, 2, 4, 7}), Pick(rng, {1, 5, 10, 13}),
                         Pick(rng, {1, 6, 10, 17})};
    std::int64_t rows = observation.shape[1], columns = observation.shape[2];
    for (auto n = rng.Below(3); n > 0; --n) {
      const std::int64_t kernel = Pick(rng, {1, 2, 3, 5});
      const std::int64_t padding = static_cast<std::int64_t>(rng.Below(2)) * (kernel / 2);
      const std::int64_t stride = Pick(rng, {1, 1, 1, 2});
      if (std::min(rows, columns) + 2 * padding < kernel) continue;
      layers.push_back(
          Conv(Pick(rng, {1, 3, 4, 6, 8, 16, 20, 33, 64, 100}), kernel, stride, padding));
      rows = (rows + 2 * padding - kernel) / stride + 1;
      columns = (columns + 2 * padding - kernel) / stride + 1;
      activation();
    }
    layers.push_back(kFlatten);
  } else {
    observation.shape = {Pick(rng, {1, 4, 15, 16, 33, 64, 100})};
  }
  for (auto n = rng.Below(3); n > 0; --n) {
    layers.push_back(Fc(Pick(rng, {1, 5, 16, 32, 48, 64, 128, 130, 256, 300})));
    activation();
  }
  layers.push_back(Head(rng.Below(2) == 0));
  return NetworkSpec::Create(layers, observation, static_cast<std::int32_t>(1 + rng.Below(18)));
}

/// `batch` packed observations of changing density.
std::vector<std::uint8_t> RandomObservations(const TensorSpec& spec, std::int64_t batch, Rng& rng) {
  std::vector<std::uint8_t> packed(static_cast<std::size_t>(batch * spec.PackedBytes()));
  const std::int64_t elements = spec.Elements();
  for (std::int64_t b = 0; b < batch; ++b) {
    std::uint8_t* one = packed.data() + b * spec.PackedBytes();
    const double density = rng.Below(5) == 0 ? 1.0 : rng.Uniform() * rng.Uniform();
    for (std::int64_t i = 0; i < elements; ++i) {
      const bool set = rng.Uniform() < density;
      if (spec.kind == ElementKind::kBits) {
        one[i / 8] = static_cast<std::uint8_t>(one[i / 8] | (set ? 1 << (i % 8) : 0));
      } else if (spec.kind == ElementKind::kBytes) {
        one[i] = set ? static_cast<std::uint8_t>(rng.Below(4)) : std::uint8_t{0};
      } else {
        const float value = set ? static_cast<float>(2 * rng.Uniform() - 1) : 0.0F;
        std::memcpy(one + i * 4, &value, 4);
      }
    }
  }
  return packed;
}

std::vector<float> UnpackAll(const TensorSpec& spec, const std::vector<std::uint8_t>& packed,
                             std::int64_t batch) {
  std::vector<float> out(static_cast<std::size_t>(batch * spec.Elements()));
  for (std::int64_t b = 0; b < batch; ++b) {
    Unpack(spec, packed.data() + b * spec.PackedBytes(), out.data() + b * spec.Elements());
  }
  return out;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<float> QValues(NativeNetwork& network, std::span<const std::uint8_t> packed,
                           std::int64_t batch) {
  std::vector<float> q(static_cast<std::size_t>(batch * network.Spec().NumActions()));
  network.Forward(packed, batch, q);
  return q;
}

/// nullopt on a machine without AVX-512.
std::optional<NativeNetwork> MakeAvx512(const NetworkSpec& spec) {
  try {
    return NativeNetwork(spec, KernelChoice::kAvx512);
  } catch (const ConfigError&) {
    return std::nullopt;
  }
}

class NativeNetworkPropertyTest : public testing::TestWithParam<std::uint64_t> {};

TEST_P(NativeNetworkPropertyTest, AgreesWithTheReferenceWhateverTheBatchTheInputAndTheKernels) {
  Rng rng(GetParam(), 99);
  const NetworkSpec spec = RandomNetwork(rng);
  SCOPED_TRACE(
      fmt::format("seed {}: {} on {}", GetParam(), spec.ToString(), spec.Observation().ToString()));
  const auto parameters = InitialParameters(spec, rng);
  constexpr std::int64_t kBatch = 37;  // one tile and a rest
  const auto packed = RandomObservations(spec.Observation(), kBatch, rng);
  const auto floats = UnpackAll(spec.Observation(), packed, kBatch);

  NativeNetwork network(spec, KernelChoice::kAvx2);
  network.SetParameters(parameters);
  const auto q = QValues(network, packed, kBatch);
  const auto expected = ReferenceForward(spec, parameters, floats);
  ASSERT_EQ(q.size(), expected.size());
  for (std::size_t i = 0; i < q.size(); ++i) {
    // Float sums of up to some thousand terms, against double.
    ASSERT_NEAR(static_cast<double>(q[i]), expected[i], 1e-5 + 1e-5 * std::abs(expected[i])) << i;
  }

  std::vector<float> q_floats(q.size());
  network.ForwardFloats(floats, kBatch, q_floats);
  EXPECT_TRUE(SameBits(q, q_floats)) << "packed and unpacked observations differ";

  std::vector<float> one_by_one;
  for (std::int64_t b = 0; b < kBatch; ++b) {
    const auto bytes = static_cast<std::size_t>(spec.Observation().PackedBytes());
    const auto one =
        QValues(network, std::span(packed).subspan(static_cast<std::size_t>(b) * bytes, bytes), 1);
    one_by_one.insert(one_by_one.end(), one.begin(), one.end());
  }
  EXPECT_TRUE(SameBits(q, one_by_one)) << "batch 1 and batch N differ";

  if (auto wide = MakeAvx512(spec)) {
    wide->SetParameters(parameters);
    EXPECT_TRUE(SameBits(q, QValues(*wide, packed, kBatch))) << "AVX2 and AVX-512 differ";
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, NativeNetworkPropertyTest, testing::Range<std::uint64_t>(1, 41));

NetworkSpec SmallSpec() {
  return NetworkSpec::Create({Fc(2), kRelu, Head(true)}, {ElementKind::kFloats, {2}}, 2);
}

TEST(NativeNetworkTest, ComputesADuelingHeadWorkedByHand) {
  NativeNetwork network(SmallSpec());
  // hidden = relu([[1, 2], [-1, 0]] x + [0.5, 0]) = relu([1 + 4 + 0.5, -1]) = [5.5, 0]
  // V = 2 * 5.5 + 1 = 12; A = [5.5, -5.5 + 3] = [5.5, -2.5], mean 1.5; Q = [16, 8]
  network.SetParameters(
      std::vector<float>{1, 2, -1, 0, 0.5, 0, /*value*/ 2, 7, 1, /*advantage*/ 1, 9, -1, 9, 0, 3});
  std::vector<float> q(2);
  network.ForwardFloats(std::vector<float>{1, 2}, 1, q);
  EXPECT_EQ(q, (std::vector<float>{16, 8}));
}

TEST(NativeNetworkTest, ComputesAConvolutionOfBitsWorkedByHand) {
  // One filter [[1, 2], [4, 8]] over the 2 x 3 image 110 / 001: cross-correlation gives
  // [1 + 2 + 0 + 0, 1 + 0 + 0 + 8] = [3, 9]; the head weighs them 1 and 10.
  const auto spec =
      NetworkSpec::Create({Conv(1, 2), kFlatten, Head(false)}, {ElementKind::kBits, {1, 2, 3}}, 1);
  NativeNetwork network(spec);
  network.SetParameters(std::vector<float>{1, 2, 4, 8, /*bias*/ 0, /*head*/ 1, 10, 0.5});
  std::vector<float> q(1);
  network.Forward(std::vector<std::uint8_t>{0b100011}, 1, q);
  EXPECT_EQ(q[0], 93.5F);
}

TEST(NativeNetworkTest, RefusesSizesThatDoNotFit) {
  NativeNetwork network(SmallSpec());
  std::vector<float> q(2);
  EXPECT_THROW(network.SetParameters(std::vector<float>(14)), ShapeError);
  EXPECT_THROW(network.ForwardFloats(std::vector<float>(3), 1, q), ShapeError);
  EXPECT_THROW(network.ForwardFloats(std::vector<float>(4), 2, q), ShapeError);
  EXPECT_THROW(network.Forward(std::vector<std::uint8_t>(7), 1, q), ShapeError);
  EXPECT_NO_THROW(network.ForwardFloats({}, 0, {}));
}

TEST(NativeNetworkTest, LetsNotANumberThroughReluLikeTorch) {
  NativeNetwork network(SmallSpec());
  network.SetParameters(std::vector<float>(15, 1.0F));
  std::vector<float> q(2);
  network.ForwardFloats(std::vector<float>{std::nanf(""), 0}, 1, q);
  EXPECT_TRUE(std::isnan(q[0]));
}

}  // namespace
}  // namespace stillhouse
