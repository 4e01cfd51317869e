#include "common/export/scratch_plan.h"

#include <gtest/gtest.h>

#include "tests/support/layer_zoo.h"

namespace stillhouse {
namespace {

using Memory = ScratchPlace::Memory;

NetworkSpec Network(std::vector<LayerSpec> layers) {
  return NetworkSpec::Create(std::move(layers), {ElementKind::kFloats, {10}}, 3);
}
LayerSpec Fc(std::int64_t units) { return {.kind = LayerKind::kLinear, .units = units}; }
constexpr LayerSpec kRelu{.kind = LayerKind::kRelu};
constexpr LayerSpec kResidual{.kind = LayerKind::kResidual};
constexpr LayerSpec kJoin{.kind = LayerKind::kJoin};
constexpr LayerSpec kHead{.kind = LayerKind::kQHead};

TEST(ScratchPlanTest, AHeadAloneNeedsNoMemory) {
  const auto plan = PlanScratch(Network({kHead}));
  EXPECT_EQ(plan.floats, 0);
  EXPECT_EQ(plan.layers[0].in, (ScratchPlace{Memory::kObservation, 0}));
  EXPECT_EQ(plan.layers[0].out, (ScratchPlace{Memory::kOutput, 0}));
}

TEST(ScratchPlanTest, AChainTakesTwoBuffersHoweverLongItIs) {
  const auto plan =
      PlanScratch(Network({Fc(40), kRelu, Fc(20), kRelu, Fc(40), kRelu, Fc(20), kRelu, kHead}));
  EXPECT_EQ(plan.floats, 60);
  EXPECT_EQ(plan.layers[1].in, plan.layers[1].out) << "in place";
  EXPECT_EQ(plan.layers[0].out, plan.layers[4].out) << "used again";
}

TEST(ScratchPlanTest, TheObservationIsNeverOverwritten) {
  for (const auto& [name, network] : testing_support::LayerZoo()) {
    const auto plan = PlanScratch(network);
    for (std::size_t i = 0; i < plan.layers.size(); ++i) {
      if (plan.layers[i].out.memory != Memory::kObservation) continue;
      // What moves nothing; a shortcut goes back to what its block began with.
      if (network.Layers()[i].kind == LayerKind::kShortcut) continue;
      EXPECT_EQ(plan.layers[i].in.memory, Memory::kObservation) << name << " layer " << i;
    }
  }
  const auto plan = PlanScratch(Network({kRelu, kHead}));
  EXPECT_EQ(plan.layers[0].out.memory, Memory::kScratch);
}

TEST(ScratchPlanTest, WhatAResidualBlockKeepsIsNotOverwrittenWithinIt) {
  // fc a; residual( relu b, fc c ) a + c
  const auto plan = PlanScratch(Network({Fc(8), kResidual, kRelu, Fc(8), kJoin, kHead}));
  const ScratchPlace kept = plan.layers[0].out;
  EXPECT_NE(plan.layers[2].out, kept);
  EXPECT_NE(plan.layers[3].out, kept);
  EXPECT_EQ(plan.layers[4].other, kept);
  EXPECT_EQ(plan.layers[4].in, plan.layers[4].out);
  EXPECT_EQ(plan.floats, 3 * 8);
}

}  // namespace
}  // namespace stillhouse
