#include "common/run/plateau.h"

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

TEST(PlateauTest, IsReachedWhenNobodyHasRisenForSoManyUpdates) {
  PlateauWatch watch(2, 100);
  EXPECT_FALSE(watch.Reached());
  watch.On(0, 0, 0.5);
  watch.On(1, 0, 0.5);
  watch.On(0, 99, 0.5);
  watch.On(1, 100, 0.5);
  EXPECT_FALSE(watch.Reached());
  watch.On(0, 100, 0.5);
  EXPECT_TRUE(watch.Reached());
}

TEST(PlateauTest, ARiseBeginsTheSpanAnewAndATremorDoesNot) {
  PlateauWatch watch(1, 100);
  watch.On(0, 10, 0.5);
  watch.On(0, 60, 0.5 + PlateauWatch::kRise / 2);
  watch.On(0, 80, 0.4);
  EXPECT_FALSE(watch.Reached());
  watch.On(0, 109, 0.52);
  watch.On(0, 208, 0.52);
  EXPECT_FALSE(watch.Reached());
  watch.On(0, 209, 0.52);
  EXPECT_TRUE(watch.Reached());
}

TEST(PlateauTest, WhoIsGoneIsNotWaitedFor) {
  PlateauWatch watch(2, 100);
  watch.On(0, 0, 0.5);
  watch.On(0, 100, 0.5);
  EXPECT_FALSE(watch.Reached());
  watch.Leave(1);
  EXPECT_TRUE(watch.Reached());
}

TEST(PlateauTest, ASpanOfNothingIsNeverOver) {
  PlateauWatch watch(1, 0);
  watch.On(0, 10, 0.5);
  watch.On(0, 1000000, 0.5);
  EXPECT_FALSE(watch.Reached());
}

}  // namespace
}  // namespace stillhouse
