#include "cli/actor_command.h"

#include <cstdlib>
#include <fstream>
#include <functional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/run/run_directory.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ActorTargetTest : public ::testing::Test {
 protected:
  ActorTargetTest() {
    std::string name = (fs::temp_directory_path() / "stillhouse-actor-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw StorageError("no temporary directory");
    directory = name;
  }
  ~ActorTargetTest() override {
    std::error_code ignored;
    fs::remove_all(directory, ignored);
  }
  static ActorTarget Resolve(const std::string& connect, const char* token = "word",
                             const std::string& token_file = "") {
    ActorCommandOptions options;
    options.connect = connect;
    options.token_file = token_file;
    return ResolveActorTarget(options, token);
  }
  template <typename Wrong>
  static std::string Complaint(const std::string& connect, const char* token = "word",
                               const std::string& token_file = "") {
    try {
      Resolve(connect, token, token_file);
    } catch (const Wrong& error) {
      return error.what();
    }
    return "";
  }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(directory / name) << text;
    return (directory / name).string();
  }

  fs::path directory;
};

TEST_F(ActorTargetTest, TakesAddressesInAnyNumberAndTheTokenOfTheEnvironment) {
  const auto one = Resolve("shard.example:7000");
  EXPECT_THAT(one.addresses, ElementsAre("shard.example:7000"));
  EXPECT_EQ(one.token, "word");
  EXPECT_TRUE(one.run_dir.empty());
  EXPECT_THAT(Resolve("10.0.0.1:1,[::1]:65535,c:3").addresses,
              ElementsAre("10.0.0.1:1", "[::1]:65535", "c:3"));
}

TEST_F(ActorTargetTest, SaysWhatIsWrongWithAnAddress) {
  using C = ConfigError;
  EXPECT_THAT(Complaint<C>("nonsense"), HasSubstr("expected HOST:PORT, or a run directory"));
  EXPECT_THAT(Complaint<C>("a:1,b"), HasSubstr("'b': no port"));
  EXPECT_THAT(Complaint<C>("a:70000"), HasSubstr("port is no number to 65535"));
  EXPECT_THAT(Complaint<C>("a:0"), HasSubstr("port 0"));
  EXPECT_THAT(Complaint<C>("a:1,a:1"), HasSubstr("given twice"));
  EXPECT_THAT(Complaint<C>(","), HasSubstr("''"));
  EXPECT_THAT(Complaint<C>(""), HasSubstr("expected a run directory or HOST:PORT"));
}

TEST_F(ActorTargetTest, WithoutATokenItSaysWhereOneMayStand) {
  for (const char* token : {static_cast<const char*>(nullptr), ""}) {
    const std::string text = Complaint<ConfigError>("a:1", token);
    EXPECT_THAT(text, HasSubstr("STILLHOUSE_TOKEN"));
    EXPECT_THAT(text, HasSubstr("--token-file"));
  }
}

TEST_F(ActorTargetTest, ATokenFileComesBeforeTheEnvironment) {
  EXPECT_EQ(Resolve("a:1", "other", Write("t", "from the file\n")).token, "from the file");
  EXPECT_THAT(Complaint<ConfigError>("a:1", "other", Write("empty", "\n")), HasSubstr("empty"));
  EXPECT_THAT(Complaint<ConfigError>("a:1", "other", (directory / "none").string()),
              HasSubstr("No such file"));
  EXPECT_THAT(Complaint<ConfigError>("a:1", "other", Write("long", std::string(2000, 'x'))),
              HasSubstr("2000 bytes"));
}

TEST_F(ActorTargetTest, ARunDirectoryHasEverything) {
  const auto run = RunDirectory::Create(directory / "run", "of the run");
  run.WriteEndpoints({"127.0.0.1:5", "127.0.0.1:6"});
  const auto target = Resolve((directory / "run").string(), "of another run");
  EXPECT_EQ(target.run_dir, directory / "run");
  EXPECT_THAT(target.addresses, ElementsAre("127.0.0.1:5", "127.0.0.1:6"));
  EXPECT_EQ(target.token, "of the run");
  EXPECT_EQ(Resolve((directory / "run").string(), nullptr, Write("t", "chosen")).token, "chosen");
}

TEST_F(ActorTargetTest, ADirectoryThatIsNotReadyYetIsAStorageError) {
  EXPECT_THAT(Complaint<StorageError>(directory.string()), HasSubstr("endpoints.json"));
  EXPECT_THAT(Complaint<StorageError>((directory / "none").string()),
              HasSubstr("no such directory"));
  Write("endpoints.json", R"({"shards": ["127.0.0.1:5"]})");
  EXPECT_THAT(Complaint<StorageError>(directory.string()), HasSubstr("token"));
}

TEST_F(ActorTargetTest, EndpointsThatMakeNoSenseAreNamed) {
  Write("token", "word\n");
  Write("endpoints.json", "{\"shards\": [1]}");
  EXPECT_THAT(Complaint<WireError>(directory.string()), HasSubstr("endpoints.json"));
}

}  // namespace
}  // namespace stillhouse::cli
