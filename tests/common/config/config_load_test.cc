#include "common/config/config_load.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/rng.h"
#include "common/config/config_print.h"

namespace stillhouse {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const char* const kMinimal = "env: {id: minatar/breakout}\n";

LoadOptions Choices() {
  LoadOptions options;
  options.environments = {
      {"minatar/breakout", {"sticky_action_prob"}},
      {"minatar/asterix", {"sticky_action_prob", "difficulty_ramping"}},
      {"classic/cart_pole", {}},
      {"data/digits", {"resize", "omit"}},
      {"data/csv", {"label"}},
  };
  return options;
}

RunConfig Load(const std::string& text, std::vector<std::string> overrides = {}) {
  LoadOptions options = Choices();
  options.overrides = std::move(overrides);
  return LoadConfigText(text, "c.yaml", options);
}

/// The text of the ConfigError, or "" when the file is accepted.
std::string ErrorsOf(const std::string& text, std::vector<std::string> overrides = {}) {
  try {
    Load(text, std::move(overrides));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

std::string WithMinimal(const std::string& rest) { return kMinimal + rest; }

TEST(ConfigLoadTest, TakesEveryDefaultButTheEnvironment) {
  const RunConfig config = Load(kMinimal);
  EXPECT_EQ(config.env.id, "minatar/breakout");
  EXPECT_EQ(config.replay.capacity, 1000000);
  EXPECT_EQ(config.stop.frames, 5000000);
  EXPECT_EQ(config.teacher.network.size(), 6U);
  EXPECT_TRUE(config.students.empty());
}

TEST(ConfigLoadTest, NoMessageQuotesTheToken) {
  EXPECT_EQ(Load(kMinimal, {"run.token=word"}).run.token, "word");
  const std::string in_file = ErrorsOf(WithMinimal("run: {token: 'a word with blanks'}\n"));
  EXPECT_THAT(in_file, HasSubstr("c.yaml:2: run.token: found something else, expected up to 256"));
  EXPECT_THAT(in_file, Not(HasSubstr("word")));
  for (const char* text : {"run.token=a word", "run.token=[word", "run={token: a word}",
                           "run.token: word", "run.token.x=word", "run={token: word"}) {
    const std::string errors = ErrorsOf(kMinimal, {text});
    EXPECT_NE(errors, "") << text;
    EXPECT_THAT(errors, Not(HasSubstr("word"))) << text;
  }
}

TEST(ConfigLoadTest, RefusesAFileWithoutAnEnvironment) {
  EXPECT_EQ(ErrorsOf("run: {seed: 3}\n"),
            "c.yaml:1: env.id: missing; name an environment, such as minatar/breakout");
}

TEST(ConfigLoadTest, NamesFileLineKeyAndTheNearestKnownKey) {
  EXPECT_EQ(ErrorsOf(WithMinimal("replay:\n  alfa: 0.5\n")),
            "c.yaml:3: replay.alfa: unknown key; did you mean 'alpha'?");
  EXPECT_EQ(ErrorsOf(WithMinimal("replya: {alpha: 0.5}\n")),
            "c.yaml:2: replya: unknown key; did you mean 'replay'?");
}

TEST(ConfigLoadTest, ReportsEveryErrorAtOnce) {
  const std::string errors = ErrorsOf(
      "env: {id: minatar/brekout}\n"
      "replay: {alfa: 1, beta: 2}\n"
      "teacher:\n"
      "  batch_size: many\n"
      "  optimizer: {kind: adamm}\n");
  EXPECT_THAT(errors, HasSubstr("c.yaml:1: env.id: unknown environment 'minatar/brekout'; did you "
                                "mean 'minatar/breakout'?"));
  EXPECT_THAT(errors, HasSubstr("c.yaml:2: replay.alfa: unknown key"));
  EXPECT_THAT(errors, HasSubstr("c.yaml:2: replay.beta: found '2', expected number, 0 to 1"));
  EXPECT_THAT(errors, HasSubstr("c.yaml:4: teacher.batch_size: found 'many', expected whole "
                                "number, 1 to 65536"));
  EXPECT_THAT(errors, HasSubstr("c.yaml:5: teacher.optimizer.kind: unknown word 'adamm'; did you "
                                "mean 'adam'?"));
}

TEST(ConfigLoadTest, OverridesFollowTheSameChecks) {
  EXPECT_EQ(Load(kMinimal, {"replay.alpha=0.25"}).replay.alpha, 0.25);
  EXPECT_EQ(ErrorsOf(kMinimal, {"replay.alfa=1"}),
            "--set replay.alfa=1: unknown key; did you mean 'alpha'?");
  EXPECT_EQ(ErrorsOf(kMinimal, {"replay.alpha=high"}),
            "--set replay.alpha=high: found 'high', expected number, 0 to 4");
  EXPECT_EQ(ErrorsOf(kMinimal, {"replay"}), "--set replay: expected key.path=value");
  EXPECT_THAT(ErrorsOf(kMinimal, {"replay={alpha: 9}"}),
              StartsWith("--set replay={alpha: 9}: replay.alpha: found '9'"));
}

TEST(ConfigLoadTest, TheLastOverrideWinsAndAddsWhatTheFileLacks) {
  const RunConfig config = Load(kMinimal, {"run.seed=1", "run.seed=7", "students.tiny.rows=s"});
  EXPECT_EQ(config.run.seed, 7U);
  ASSERT_EQ(config.students.size(), 1U);
  EXPECT_EQ(config.students[0].rows, LabelRows::kS);
}

TEST(ConfigLoadTest, ANullValueAsksForTheDefault) {
  EXPECT_EQ(Load(WithMinimal("replay: {alpha: 0.1}\n"), {"replay.alpha=~"}).replay.alpha, 0.6);
}

TEST(ConfigLoadTest, ReadsNumbersInTheFormsPeopleWrite) {
  const RunConfig config =
      Load(WithMinimal("replay: {capacity: 1e6, min_size: 5_000, priority_epsilon: 1.0e-6}\n"));
  EXPECT_EQ(config.replay.capacity, 1000000);
  EXPECT_EQ(config.replay.min_size, 5000);
  EXPECT_EQ(config.replay.priority_epsilon, 1e-6);
  EXPECT_THAT(ErrorsOf(WithMinimal("replay: {capacity: 2.5}\n")), HasSubstr("whole number"));
  EXPECT_THAT(ErrorsOf(WithMinimal("replay: {alpha: '0.5'}\n")), HasSubstr("in quotes"));
  EXPECT_THAT(ErrorsOf(WithMinimal("replay: {alpha: .nan}\n")), HasSubstr("found '.nan'"));
}

TEST(ConfigLoadTest, DurationsNeedAUnit) {
  EXPECT_EQ(Load(WithMinimal("stop: {time: 1.5h}\n")).stop.time,
            (Duration{5400, Duration::Unit::kSeconds}));
  EXPECT_EQ(Load(WithMinimal("evaluation: {every: 500ms}\n")).evaluation.every.value, 0.5);
  EXPECT_THAT(ErrorsOf(WithMinimal("evaluation: {every: 60}\n")), HasSubstr("with its unit"));
}

TEST(ConfigLoadTest, CountsTimeInUpdatesOnlyInDeterministicMode) {
  EXPECT_THAT(ErrorsOf(WithMinimal("evaluation: {every: 1000 updates}\n")),
              HasSubstr("c.yaml:2: evaluation.every: updates and frames count time only with "
                        "run.deterministic: true"));
  const RunConfig config =
      Load(WithMinimal("run: {deterministic: true}\nevaluation: {every: 5000 frames}\n"));
  EXPECT_EQ(config.evaluation.every, (Duration{5000, Duration::Unit::kFrames}));
}

TEST(ConfigLoadTest, RefusesContradictions) {
  EXPECT_THAT(ErrorsOf(WithMinimal("replay: {capacity: 2000}\n")),
              HasSubstr("c.yaml:2: replay.min_size: 5000 is above replay.capacity 2000"));
  EXPECT_THAT(ErrorsOf(WithMinimal("replay: {min_size: 16}\n")),
              HasSubstr("replay.min_size: 16 is below teacher.batch_size 32"));
  EXPECT_THAT(ErrorsOf(WithMinimal("actors: {exploration: {from: 0.1, to: 0.5}}\n")),
              HasSubstr("actors.exploration.to: 0.5 is above actors.exploration.from 0.1"));
  EXPECT_THAT(ErrorsOf(WithMinimal("actors: {exploration: {epsilon: 0.1}}\n")),
              HasSubstr("actors.exploration.epsilon: has no meaning here: only with kind: ladder"));
  EXPECT_THAT(ErrorsOf(WithMinimal("replay: {shards: 4, capacity: 100, min_size: 50}\n")),
              HasSubstr("does not fit into a shard, which holds 25"));
  EXPECT_THAT(ErrorsOf(WithMinimal("stop: {frames: none}\n")),
              HasSubstr("stop.frames: no limit is set"));
  EXPECT_THAT(ErrorsOf(WithMinimal("actors: {hosts: 3, workers: 2}\n")),
              HasSubstr("actors.workers: 2 workers are fewer than actors.hosts 3"));
}

TEST(ConfigLoadTest, RefusesAToleranceBelowWhatCanBeInFlight) {
  // 2 * (1 worker * 32 envs * 32 steps * 8 + 16 batches * 32) = 17408, above 0.1 * 5000 * 8 = 4000.
  EXPECT_EQ(ErrorsOf(WithMinimal("replay: {tolerance: 17408}\n")), "");
  EXPECT_THAT(ErrorsOf(WithMinimal("replay: {tolerance: 17407}\n")),
              HasSubstr("replay.tolerance: 17407 is below the 17408 samples that auto needs"));
}

TEST(ConfigLoadTest, RefusesKeysGivenTwiceAndStudentsCalledTeacher) {
  const std::string errors = ErrorsOf(
      WithMinimal("students:\n  small: {rows: s}\n  small: {rows: s}\n  teacher: {rows: s}\n"));
  EXPECT_THAT(errors, HasSubstr("c.yaml:4: students.small: given twice (first at line 3)"));
  EXPECT_THAT(errors, HasSubstr("c.yaml:5: students.teacher: the name 'teacher' is taken"));
  EXPECT_THAT(ErrorsOf("env: {id: minatar/breakout}\nenv: {id: minatar/breakout}\n"),
              HasSubstr("c.yaml:2: env: given twice (first at line 1)"));
}

TEST(ConfigLoadTest, ChecksEnvironmentOptionsAgainstTheEnvironment) {
  EXPECT_EQ(
      Load("env: {id: minatar/asterix, options: {sticky_action_prob: 0}}\n").env.sticky_action_prob,
      0);
  // breakout never ramps, but its family takes the option.
  EXPECT_EQ(ErrorsOf("env: {id: minatar/breakout, options: {difficulty_ramping: true}}\n"), "");
  EXPECT_THAT(ErrorsOf("env: {id: classic/cart_pole, options: {sticky_action_prob: 0.1}}\n"),
              HasSubstr("env.options.sticky_action_prob:"));
  EXPECT_THAT(ErrorsOf("env: {id: minatar/asterix, options: {sticky_actoin_prob: 0}}\n"),
              HasSubstr("did you mean 'sticky_action_prob'?"));
}

TEST(ConfigLoadTest, ReportsBrokenYamlWithItsLine) {
  EXPECT_THAT(ErrorsOf("env: {id: minatar/breakout\nrun: [\n"), StartsWith("c.yaml:"));
  EXPECT_THAT(ErrorsOf("env: {id: minatar/breakout\nrun: [\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(ErrorsOf("env: {id: a}\n---\nenv: {id: b}\n"), HasSubstr("more than one YAML"));
  EXPECT_THAT(ErrorsOf("env: {id: minatar/breakout}}\n"), HasSubstr("c.yaml:1"));
  EXPECT_THAT(ErrorsOf("just text"), HasSubstr("expected a map"));
  EXPECT_THAT(ErrorsOf(WithMinimal("replay: 3\n")), HasSubstr("c.yaml:2: replay: found '3'"));
}

TEST(ConfigLoadTest, SurvivesRecursiveAndExplodingAliases) {
  EXPECT_NE(ErrorsOf("a: &a [*a]\n"), "");
  std::string bomb = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    std::string items;
    for (int j = 0; j < 10; ++j) items += (j > 0 ? ", *l" : "*l") + std::to_string(i - 1);
    bomb += "l" + std::to_string(i) + ": &l" + std::to_string(i) + " [" + items + "]\n";
  }
  EXPECT_THAT(ErrorsOf(bomb), HasSubstr("values"));
  EXPECT_NE(ErrorsOf(std::string(5000, '[')), "");
}

TEST(ConfigLoadTest, MissingFileIsAConfigError) {
  EXPECT_THROW(LoadConfig("/nonexistent/x.yaml"), ConfigError);
}

TEST(ConfigLoadTest, RefusesWhatIsNotBuiltYet) {
  const std::vector<std::string> refused = {
      "replay: {compression: zstd}",       "monitor: {http: 127.0.0.1:8787}",
      "monitor: {tensorboard: true}",      "monitor: {token: abc}",
      "teacher: {algorithm: {kind: c51}}", "teacher: {network: {layers: [dropout, q_head]}}",
      "students: {a: {actions: [0, 1]}}",  "students: {a: {data: {replay: 0.5, own: 0.5}}}",
  };
  for (const std::string& text : refused) {
    EXPECT_THAT(ErrorsOf(WithMinimal(text + "\n")), HasSubstr("not supported yet")) << text;
  }
  for (const char* id : {"plugin:x.so", "python:m:C"}) {
    EXPECT_THAT(ErrorsOf("env: {id: '" + std::string(id) + "'}\n"), HasSubstr("not supported yet"));
  }
  EXPECT_NO_THROW(LoadConfigText("env: {id: box2d/lunar_lander}\n", "c.yaml"));
  EXPECT_THROW(LoadConfigText("env: {id: box3d/lunar_lander}\n", "c.yaml"), ConfigError);
}

TEST(ConfigLoadTest, SupervisedNeedsADataSetAndGivesLabelsOfExamplesAlone) {
  const std::string supervised = "teacher: {algorithm: {kind: supervised}}\n";
  const std::string digits = "env: {id: data/digits, options: {resize: 28, omit: 3}}\n";
  const RunConfig config = LoadConfigText(digits + supervised + "students: {s: {}}\n", "c.yaml");
  EXPECT_EQ(config.env.data.resize, 28);
  EXPECT_EQ(config.env.data.omit, 3);
  EXPECT_EQ(config.students[0].rows, LabelRows::kS);
  EXPECT_THAT(ErrorsOf("env: {id: classic/cart_pole}\n" + supervised),
              HasSubstr("teacher.algorithm.kind: supervised needs labels"));
  EXPECT_THAT(ErrorsOf(digits + supervised + "students: {s: {rows: s_and_next}}\n"),
              HasSubstr("students.s.rows: an example has no next state"));
  EXPECT_THAT(ErrorsOf(digits + "students: {s: {data: {omit: 3}}}\n"),
              HasSubstr("students.s.data.omit: needs teacher.algorithm.kind: supervised"));
  EXPECT_THAT(ErrorsOf("env: {id: data/csv, options: {vocabulary: 5}}\n"),
              HasSubstr("env.options.vocabulary: data/csv has no such option"));
}

TEST(ConfigLoadTest, CheckpointsHaveAnIntervalOrAreOff) {
  const auto with = [](const std::string& text) {
    return LoadConfigText(WithMinimal(text), "c.yaml").checkpoint;
  };
  EXPECT_EQ(with("checkpoint: {every: 2m, keep: 5}").every,
            (Duration{120, Duration::Unit::kSeconds}));
  EXPECT_EQ(with("checkpoint: {every: 2m, keep: 5}").keep, 5);
  EXPECT_EQ(with("checkpoint: {every: off}").every.value, 0);
  EXPECT_EQ(with("").every.value, 300);
  EXPECT_NE(ErrorsOf(WithMinimal("checkpoint: {every: -5s}")), "");
  EXPECT_NE(ErrorsOf(WithMinimal("checkpoint: {keep: 0}")), "");
  // Updates count time only in deterministic runs.
  EXPECT_NE(ErrorsOf(WithMinimal("checkpoint: {every: 100 updates}")), "");
}

TEST(ConfigLoadTest, LearnersShareABatchEvenly) {
  EXPECT_EQ(ErrorsOf(WithMinimal("teacher: {learners: 4, batch_size: 32}\n")), "");
  EXPECT_THAT(ErrorsOf(WithMinimal("teacher: {learners: 3, batch_size: 32}\n")),
              HasSubstr("3 learners cannot share batches of 32 evenly"));
  EXPECT_THAT(ErrorsOf(WithMinimal("teacher: {learners: 2}\nrun: {deterministic: true}\n")),
              HasSubstr("with one learner"));
}

TEST(ConfigLoadTest, AcceptsTheOffValuesOfWhatIsNotBuiltYet) {
  EXPECT_EQ(
      ErrorsOf(WithMinimal(
          "checkpoint: {}\nreplay: {durability: none, compression: auto}\n"
          "monitor: {http: off, tensorboard: false}\nteacher: {init: none}\n"
          "actors: {policy: teacher}\n"
          "students: {a: {from: [teacher], labels: stream, data: {replay: 1.0, own: 0.0}}}\n")),
      "");
}

TEST(ConfigLoadTest, RandomBytesEndInAnErrorAndNeverInACrash) {
  Rng rng(20240607);
  const std::string alphabet = "abz019:{}[]&*!|>'\"%@`,-?#\n \t~.é";
  for (int i = 0; i < 3000; ++i) {
    std::string text = i % 2 == 0 ? kMinimal : "";
    const auto length = rng.Below(60);
    for (std::uint64_t k = 0; k < length; ++k) text += alphabet[rng.Below(alphabet.size())];
    try {
      Load(text);
    } catch (const ConfigError&) {
      // the only way out
    }
  }
}

class ConfigFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_ / "presets");
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name) << text;
  }
  std::string LoadErrors(const std::string& name) {
    try {
      LoadConfig((dir_ / name).string());
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  }
  const std::filesystem::path dir_ =
      std::filesystem::path(::testing::TempDir()) /
      (std::string("config_") + ::testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(ConfigFileTest, IncludesARelativeFileAndTheIncludingFileWins) {
  Write("presets/base.yaml", "env: {id: minatar/breakout}\nreplay: {alpha: 0.1, beta: 0.2}\n");
  Write("run.yaml", "include: presets/base.yaml\nreplay: {alpha: 0.3}\n");
  const RunConfig config = LoadConfig((dir_ / "run.yaml").string());
  EXPECT_EQ(config.env.id, "minatar/breakout");
  EXPECT_EQ(config.replay.alpha, 0.3);
  EXPECT_EQ(config.replay.beta, 0.2);
}

TEST_F(ConfigFileTest, ErrorsNameTheIncludedFileTheyAreIn) {
  Write("presets/base.yaml", "env: {id: minatar/breakout}\nreplay: {alfa: 0.1}\n");
  Write("run.yaml", "include: presets/base.yaml\n");
  EXPECT_EQ(LoadErrors("run.yaml"), (dir_ / "presets/base.yaml").string() +
                                        ":2: replay.alfa: unknown key; did you mean 'alpha'?");
}

TEST_F(ConfigFileTest, AnIncludeCycleIsAnError) {
  Write("a.yaml", "include: b.yaml\nenv: {id: minatar/breakout}\n");
  Write("b.yaml", "include: a.yaml\n");
  EXPECT_THAT(LoadErrors("a.yaml"), HasSubstr("b.yaml:1: include: "));
  EXPECT_THAT(LoadErrors("a.yaml"), HasSubstr("includes itself"));
}

TEST_F(ConfigFileTest, AMissingIncludeIsReportedAtItsLine) {
  Write("a.yaml", "env: {id: minatar/breakout}\ninclude: nowhere.yaml\n");
  EXPECT_THAT(LoadErrors("a.yaml"), HasSubstr("a.yaml:2: include: "));
  EXPECT_THAT(LoadErrors("a.yaml"), HasSubstr("nowhere.yaml"));
}

TEST_F(ConfigFileTest, ShippedConfigurationsLoad) {
  int files = 0;
  const std::filesystem::path configs = STILLHOUSE_SOURCE_DIR "/configs";
  for (const auto& entry : std::filesystem::directory_iterator(configs)) {
    if (entry.path().extension() != ".yaml") continue;
    const RunConfig config = LoadConfig(entry.path().string());
    EXPECT_EQ(LoadConfigText(PrintConfig(config), "printed"), config) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 3);
}

}  // namespace
}  // namespace stillhouse
