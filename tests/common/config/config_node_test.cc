#include "common/config/config_node.h"

#include <gtest/gtest.h>

#include "common/config/config_values.h"

namespace stillhouse {
namespace {

TEST(SuggestTest, FindsTheNearestWordByEditDistance) {
  EXPECT_EQ(Suggest("alfa", {"alpha", "beta"}), "did you mean 'alpha'?");
  EXPECT_EQ(Suggest("sede", {"name", "seed"}), "did you mean 'seed'?");  // a swap counts once
  EXPECT_EQ(Suggest("ALPHA", {"alpha", "beta"}), "did you mean 'alpha'?");
}

TEST(SuggestTest, ListsWhatIsAllowedWhenNothingIsNear) {
  EXPECT_EQ(Suggest("zzzzzz", {"alpha", "beta"}), "allowed: alpha, beta");
  EXPECT_EQ(Suggest("x", {}), "nothing is allowed here");
}

TEST(ConfigValuesTest, PrintsTextPlainOnlyWhenThatIsSafe) {
  EXPECT_EQ(PrintText("minatar/breakout"), "minatar/breakout");
  EXPECT_EQ(PrintText("null"), "\"null\"");
  EXPECT_EQ(PrintText("7"), "\"7\"");
  EXPECT_EQ(PrintText(""), "\"\"");
  EXPECT_EQ(PrintText("a\"\n"), "\"a\\\"\\x0a\"");
}

TEST(ConfigValuesTest, RangesSayWhatTheyHold) {
  const Range open{0, 1, true};
  EXPECT_FALSE(open.Holds(0));
  EXPECT_TRUE(open.Holds(1));
  EXPECT_EQ(open.ToString(), "above 0, up to 1");
  const Range from_one{.low = 1};
  EXPECT_EQ(from_one.ToString(), "1 or more");
}

}  // namespace
}  // namespace stillhouse
