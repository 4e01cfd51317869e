// Reads the sources of this tree and fails on what the house forbids; the rules themselves are
// tried on planted errors first.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "tests/support/include_rules.h"

namespace stillhouse::house {
namespace {

namespace fs = std::filesystem;

struct SourceFile {
  std::string path;  ///< from the root
  std::string text;
};

std::string ReadText(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Every file below the project's own folders whose name ends in one of `endings`.
std::vector<SourceFile> Files(const std::vector<std::string>& endings) {
  const fs::path root = STILLHOUSE_SOURCE_DIR;
  std::vector<SourceFile> files;
  const auto take = [&](const fs::path& path) {
    for (const auto& ending : endings) {
      if (path.filename().string().ends_with(ending)) {
        files.push_back({fs::relative(path, root).string(), ReadText(path)});
        return;
      }
    }
  };
  for (const char* folder : {"common", "replay", "actors", "learner", "cli", "tests", "bench",
                             "scripts", "configs", "docs", ".ci"}) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const bool data = fs::relative(entry.path(), root).string().starts_with("tests/conformance/");
      if (entry.is_regular_file() && !data) take(entry.path());
    }
  }
  for (const auto& entry : fs::directory_iterator(root)) {
    if (entry.is_regular_file()) take(entry.path());
  }
  return files;
}

using Rule = std::vector<std::string> (*)(std::string_view, std::string_view);

void ExpectNoProblems(const std::vector<SourceFile>& files, Rule rule) {
  ASSERT_GT(files.size(), 10U) << "the tree was not found";
  std::vector<std::string> problems;
  for (const auto& file : files) {
    const auto found = rule(file.path, file.text);
    problems.insert(problems.end(), found.begin(), found.end());
  }
  EXPECT_TRUE(problems.empty()) << fmt::format("{}", fmt::join(problems, "\n"));
}

TEST(HouseTest, EveryIncludePointsDownwards) {
  ExpectNoProblems(Files({".h", ".cc"}), IncludeProblems);
}

TEST(HouseTest, FilesAreShortAndHeadersWellFormed) {
  ExpectNoProblems(Files({".h", ".cc"}), ShapeProblems);
}

TEST(HouseTest, NoFileNamesAPlaceOfOneMachine) {
  ExpectNoProblems(Files({".h", ".cc", ".c", ".md", ".sh", ".py", ".cmake", ".txt", ".yaml",
                          ".json", "run", ".supp"}),
                   MachinePathProblems);
}

struct Planted {
  const char* path;
  const char* line;
};

TEST(IncludeRulesTest, FindEveryPlantedArrow) {
  const std::vector<Planted> wrong = {
      {"common/base/x.h", "#include \"common/model/network_spec.h\""},
      {"common/telemetry/x.cc", "#include \"common/messages/control.h\""},
      {"common/messages/x.cc", "#include \"common/config/run_config.h\""},
      {"common/config/x.cc", "#include \"common/run/scoreboard.h\""},
      {"common/net/x.cc", "#include \"common/comm/request.h\""},
      {"common/run/x.cc", "#include \"replay/batch.h\""},
      {"replay/x.cc", "#include \"actors/actor.h\""},
      {"replay/x.cc", "#include \"common/comm/communicator.h\""},
      {"actors/x.cc", "#include \"learner/protocol/compute.h\""},
      {"actors/x.cc", "#include \"common/comm/communicator.h\""},
      {"actors/env/x.cc", "#include \"replay/chunk.h\""},
      {"learner/td/x.cc", "#include \"actors/env/environment.h\""},
      {"learner/protocol/x.cc", "#include \"learner/nn/torch_network.h\""},
      {"cli/x.cc", "#include \"learner/nn/torch_network.h\""},
      {"cli/x.cc", "  #  include \"tests/support/fakes.h\""},
      {"common/base/x.cc", "#include \"error.h\""},
      {"common/base/x.cc", "#include \"common/base/error.cc\""},
      {"stray/x.cc", "#include \"common/base/error.h\""},
      {"learner/td/x.cc", "#include <mpi.h>"},
      {"common/run/x.cc", "#include <boost/asio.hpp>"},
      {"common/config/config_print.cc", "#include <yaml-cpp/yaml.h>"},
      {"common/run/x.cc", "#include <spdlog/spdlog.h>"},
      {"actors/env/x.cc", "#include <box2d/box2d.h>"},
      {"common/model/x.cc", "#include <torch/torch.h>"},
      {"learner/protocol/x.cc", "#include <torch/torch.h>"},
      {"learner/driver/x.cc", "#include <ATen/ATen.h>"},
      {"tests/replay/x_test.cc", "#include <torch/torch.h>"},
  };
  for (const auto& planted : wrong) {
    EXPECT_EQ(IncludeProblems(planted.path, planted.line).size(), 1U)
        << planted.path << " " << planted.line;
  }
}

TEST(IncludeRulesTest, AllowWhatTheHouseAllows) {
  const std::vector<Planted> right = {
      {"common/base/x.h", "#include \"common/base/error.h\""},
      {"common/run/x.cc", "#include \"common/config/run_config.h\""},
      {"actors/env/minatar/x.cc", "#include \"actors/env/environment.h\""},
      {"actors/x.cc", "#include \"replay/chunk.h\""},
      {"learner/distill/x.cc", "#include \"learner/td/teacher.h\""},
      {"cli/x.cc", "#include \"actors/actor.h\""},
      {"tests/replay/x_test.cc", "#include \"tests/support/fakes.h\""},
      {"tests/replay/x_test.cc", "#include \"replay/shard.h\""},
      {"common/comm/x.cc", "#include <mpi.h>"},
      {"common/net/x.cc", "#include <boost/asio.hpp>"},
      {"learner/nn/x.cc", "#include <torch/torch.h>"},
      {"actors/env/box2d/x.cc", "#include <box2d/box2d.h>"},
      {"common/base/x.cc", "// #include \"cli/main.h\" is only spoken of"},
  };
  for (const auto& planted : right) {
    const auto problems = IncludeProblems(planted.path, planted.line);
    EXPECT_TRUE(problems.empty()) << fmt::format("{}", fmt::join(problems, "\n"));
  }
}

TEST(IncludeRulesTest, NameFileAndLine) {
  const auto problems = IncludeProblems("replay/x.cc", "\n\n#include \"actors/actor.h\"\n");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0], "replay/x.cc:3: actors/actor.h: replay must not include actors");
}

TEST(ShapeRulesTest, FindLongFilesAndBadHeaders) {
  std::string longer;
  for (int i = 0; i < 401; ++i) longer += "x\n";
  EXPECT_EQ(ShapeProblems("replay/x.cc", longer).size(), 1U);
  EXPECT_EQ(ShapeProblems("replay/x.h", "int x;\n").size(), 1U);
  EXPECT_EQ(ShapeProblems("replay/x.h", "#pragma once\nusing namespace std;\n").size(), 1U);
  EXPECT_TRUE(ShapeProblems("replay/x.h", "#pragma once\n").empty());
}

TEST(MachinePathRulesTest, FindHomesAndNotOurOwnFolders) {
  const std::string slash = "/";
  EXPECT_EQ(MachinePathProblems("a", "cd " + slash + "home/ada/x").size(), 1U);
  EXPECT_EQ(MachinePathProblems("a", "\"" + slash + "Users/ada\"").size(), 1U);
  const std::string ours = "build" + slash + "home/x ${root}" + slash + "work/y /usr/lib /dev/null";
  EXPECT_TRUE(MachinePathProblems("a", ours).empty());
}

}  // namespace
}  // namespace stillhouse::house
