// No network looks at the mask behind an observation.
#include <algorithm>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/model/native_network.h"
#include "learner/nn/trained_model.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

constexpr std::size_t kRows = 5;

/// The rows with a mask of random bits behind each.
std::vector<std::uint8_t> WithMasks(const std::vector<std::uint8_t>& packed,
                                    const TensorSpec& masked, Rng& rng) {
  const auto elements = static_cast<std::size_t>(masked.ElementBytes());
  const std::size_t mask = static_cast<std::size_t>(masked.PackedBytes()) - elements;
  std::vector<std::uint8_t> rows;
  for (std::size_t at = 0; at < packed.size(); at += elements) {
    for (std::size_t i = 0; i < elements; ++i) rows.push_back(packed[at + i]);
    for (std::size_t i = 0; i < mask; ++i) {
      rows.push_back(static_cast<std::uint8_t>(1 + rng.Below(255)));
    }
  }
  return rows;
}

TEST(MaskedNetworksTest, OutputsAndStepsAreThoseWithoutAMaskBitForBit) {
  Rng rng(11);
  for (const NetworkSpec& plain : VariedNetworks()) {
    TensorSpec observation = plain.Observation();
    observation.masked_actions = plain.NumActions();
    const auto masked = NetworkSpec::Create(plain.Layers(), observation, plain.NumActions());
    const auto parameters = InitialParameters(plain, rng);
    const auto rows = RandomPacked(plain.Observation(), kRows, rng);
    const auto masked_rows = WithMasks(rows, observation, rng);
    const std::size_t values = kRows * static_cast<std::size_t>(plain.NumActions());

    std::vector<float> q(values), masked_q(values);
    NativeNetwork native(plain), masked_native(masked);
    native.SetParameters(parameters);
    masked_native.SetParameters(parameters);
    native.Forward(rows, kRows, q);
    masked_native.Forward(masked_rows, kRows, masked_q);
    EXPECT_EQ(masked_q, q) << plain.ToString();

    for (const bool torch : {false, true}) {
      const auto make = [&](const NetworkSpec& spec) {
        return torch ? MakeTorchModel(spec, {}, parameters, "cpu")
                     : MakeFusedModel(spec, {}, parameters);
      };
      const auto model = make(plain), masked_model = make(masked);
      const PackedRows part = rows, masked_part = masked_rows;
      const auto out = model->Forward({&part, 1});
      const auto masked_out = masked_model->Forward({&masked_part, 1});
      EXPECT_TRUE(std::equal(out.begin(), out.end(), masked_out.begin(), masked_out.end()))
          << plain.ToString();
      const std::vector<float> gradient(values, 0.5F);
      model->Step(gradient);
      masked_model->Step(gradient);
      EXPECT_EQ(masked_model->Parameters(), model->Parameters()) << plain.ToString();
    }
  }
}

TEST(MaskedNetworksTest, AMaskOfOtherActionsIsRefused) {
  const TensorSpec observation{ElementKind::kFloats, {6}, 4};
  EXPECT_THROW(NetworkSpec::Create({Head(false)}, observation, 3), ConfigError);
}

}  // namespace
}  // namespace stillhouse::learner
