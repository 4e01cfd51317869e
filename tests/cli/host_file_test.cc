#include "cli/host_file.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/error.h"

namespace stillhouse::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class HostFileTest : public ::testing::Test {
 protected:
  ~HostFileTest() override { std::filesystem::remove(path_); }
  std::vector<std::string> Hosts(const std::string& text, std::int32_t ranks) {
    std::ofstream(path_) << text;
    return HostsOfRanks(path_, ranks);
  }
  std::string Error(const std::string& text, std::int32_t ranks) {
    try {
      Hosts(text, ranks);
      return "accepted";
    } catch (const ConfigError& error) {
      return error.what();
    }
  }
  const std::string path_ =
      std::filesystem::temp_directory_path() / ("hosts-" + std::to_string(getpid()));
};

TEST_F(HostFileTest, HostsAreFilledInTheOrderOfTheFile) {
  EXPECT_THAT(Hosts("a slots=2  # fast\n\n# none\nb\nc slots=3 max_slots=9\n", 5),
              ElementsAre("a", "a", "b", "c", "c"));
}

TEST_F(HostFileTest, TooFewSlotsAreRefused) {
  EXPECT_THAT(Error("a\nb\n", 3), HasSubstr(": 2 slots for 3 ranks"));
}

TEST_F(HostFileTest, AnOddLineIsNamed) {
  for (const char* word : {"slots", "slots=", "slots=0", "slots=two", "cores=4", "slots=1x"}) {
    EXPECT_THAT(Error(std::string("a\nb ") + word + "\n", 1),
                HasSubstr(std::string(":2: found '") + word + "', expected slots=N"));
  }
}

TEST_F(HostFileTest, AMissingFileIsRefused) {
  EXPECT_THROW(HostsOfRanks("/no/such/file", 1), ConfigError);
}

}  // namespace
}  // namespace stillhouse::cli
