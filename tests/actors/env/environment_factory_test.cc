#include "actors/env/environment_factory.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace stillhouse::actors {
namespace {

std::string MessageFor(std::string_view id) {
  try {
    MakeEnvironment(id);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(EnvironmentFactoryTest, MakesEveryEnvironmentThatItLists) {
  EXPECT_EQ(BuiltInEnvironments().size(), 15U);
  for (const EnvironmentInfo& info : BuiltInEnvironments()) {
    if (info.needs_files) {
      EXPECT_THAT(MessageFor(info.id), testing::HasSubstr("names no file")) << info.id;
    } else {
      EXPECT_EQ(MakeEnvironment(info.id)->Spec().id, info.id);
    }
    EXPECT_FALSE(info.description.empty());
    for (const auto& option : info.options) {
      EXPECT_TRUE(EnvironmentHasOption(info.id, option.name));
    }
  }
}

TEST(EnvironmentFactoryTest, UnknownIdIsRefusedWithThoseThatExist) {
  EXPECT_THAT(MessageFor("minatar/brekout"),
              testing::AllOf(testing::HasSubstr("'minatar/brekout' does not exist"),
                             testing::HasSubstr("minatar/breakout"),
                             testing::HasSubstr("classic/cart_pole")));
}

TEST(EnvironmentFactoryTest, IdsOfLaterVersionsSaySo) {
  for (const char* id : {"plugin:/x.so", "python:m:C"}) {
    EXPECT_THAT(MessageFor(id), testing::HasSubstr("is not supported yet")) << id;
  }
}

TEST(EnvironmentFactoryTest, OptionsReachTheGame) {
  EXPECT_THROW(MakeEnvironment("minatar/breakout", {.sticky_action_prob = -1}), ConfigError);
  EXPECT_NO_THROW(MakeEnvironment("minatar/breakout", {.sticky_action_prob = 1}));
}

TEST(EnvironmentFactoryTest, KnowsWhichOptionsMatter) {
  EXPECT_TRUE(EnvironmentHasOption("minatar/asterix", "difficulty_ramping"));
  EXPECT_FALSE(EnvironmentHasOption("minatar/breakout", "difficulty_ramping"));
  EXPECT_TRUE(EnvironmentHasOption("minatar/breakout", "sticky_action_prob"));
  EXPECT_FALSE(EnvironmentHasOption("classic/cart_pole", "sticky_action_prob"));
  EXPECT_TRUE(EnvironmentHasOption("minatar/several", "games"));
  EXPECT_FALSE(EnvironmentHasOption("minatar/several", "mask_actions"));
  EXPECT_FALSE(EnvironmentHasOption("nothing", "sticky_action_prob"));
}

}  // namespace
}  // namespace stillhouse::actors
