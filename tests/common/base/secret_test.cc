#include "common/base/secret.h"

#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

TEST(SecretTest, AVariableIsTakenOnceAndItsBytesAreWiped) {
  setenv("STILLHOUSE_TEST_SECRET", "word", 1);
  const char* const bytes = std::getenv("STILLHOUSE_TEST_SECRET");
  EXPECT_EQ(TakeFromEnvironment("STILLHOUSE_TEST_SECRET"), "word");
  EXPECT_EQ(std::string(bytes, 4), std::string(4, '\0'));
  EXPECT_EQ(std::getenv("STILLHOUSE_TEST_SECRET"), nullptr);
  EXPECT_EQ(TakeFromEnvironment("STILLHOUSE_TEST_SECRET"), "");
}

TEST(SecretTest, OnlyArgumentsWithTheTokenAreOverwritten) {
  std::vector<std::string> arguments = {"stillhouse",
                                        "train",
                                        "--set",
                                        "run.token=word",
                                        "--set=run.token=word",
                                        "run={token: word}",
                                        "run.name=word",
                                        "--set=replay.alpha=0.5",
                                        "run.tokenword",
                                        "runs/token=word.yaml"};
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  setenv("OMPI_ARGV", "train c.yaml --set run.token=word", 1);
  EXPECT_TRUE(HideTokenArguments(pointers));
  EXPECT_STREQ(std::getenv("OMPI_ARGV"), "train c.yaml --set **************");
  unsetenv("OMPI_ARGV");
  EXPECT_EQ(arguments, (std::vector<std::string>{"stillhouse", "train", "--set", "run.token=****",
                                                 "--set=run.token=****", "run=*************",
                                                 "run.name=word", "--set=replay.alpha=0.5",
                                                 "run.token****", "runs/token=word.yaml"}));
  std::vector<char*> others = {pointers[0], pointers[6]};
  EXPECT_FALSE(HideTokenArguments(others));
}

TEST(SecretTest, MessagesNameTheOverrideWithoutItsSecret) {
  EXPECT_EQ(WithoutToken("run.token=word"), "run.token=***");
  EXPECT_EQ(WithoutToken("run={seed: 1, token: word}"), "run=***");
  EXPECT_EQ(WithoutToken("run.seed=5"), "run.seed=5");
}

}  // namespace
}  // namespace stillhouse
