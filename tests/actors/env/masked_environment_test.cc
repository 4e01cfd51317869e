#include "actors/env/masked_environment.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "actors/env/environment_factory.h"
#include "common/base/action_mask.h"

namespace stillhouse::actors {
namespace {

EnvironmentOptions Masking() {
  EnvironmentOptions options;
  options.mask_actions = true;
  return options;
}

std::vector<std::uint8_t> Observation(const Environment& environment) {
  std::vector<std::uint8_t> packed(
      static_cast<std::size_t>(environment.Spec().observation.PackedBytes()));
  environment.Observe(packed);
  return packed;
}

TEST(MaskedEnvironmentTest, ActionsThatAGameHasNoUseForAreIllegal) {
  const auto breakout = MakeEnvironment("minatar/breakout", Masking());
  EXPECT_EQ(LegalActions(breakout->Spec().observation, Observation(*breakout)),
            (std::vector<std::uint8_t>{1, 1, 0, 1, 0, 0}));
  const auto seaquest = MakeEnvironment("minatar/seaquest", Masking());
  EXPECT_EQ(LegalActions(seaquest->Spec().observation, Observation(*seaquest)),
            std::vector<std::uint8_t>(6, 1));
}

TEST(MaskedEnvironmentTest, ItIsTheSameGameBitForBit) {
  for (const std::string id : {"minatar/asterix", "minatar/freeway"}) {
    const auto plain = MakeEnvironment(id);
    const auto masked = MakeEnvironment(id, Masking());
    EXPECT_EQ(masked->Spec().observation.PackedBytes(),
              plain->Spec().observation.PackedBytes() + 1);
    for (auto* environment : {plain.get(), masked.get()}) {
      environment->Seed(5);
      environment->Reset();
    }
    for (int step = 0; step < 500; ++step) {
      const auto one = plain->Step(step % 6), other = masked->Step(step % 6);
      ASSERT_EQ(one.reward, other.reward);
      ASSERT_EQ(one.Done(), other.Done());
      auto seen = Observation(*masked);
      seen.pop_back();
      ASSERT_EQ(seen, Observation(*plain)) << id << ", step " << step;
      if (one.Done()) {
        plain->Reset();
        masked->Reset();
      }
    }
    ByteWriter saved;
    plain->Save(saved);
    const auto bytes = saved.Take();
    ByteReader in(bytes, "test");
    masked->Load(in);
    in.ExpectEnd();
  }
}

}  // namespace
}  // namespace stillhouse::actors
