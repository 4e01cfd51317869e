#include "cli/eval_command.h"

#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/stored_model.h"
#include "common/base/error.h"
#include "common/model/parameters.h"
#include "common/run/atomic_file.h"
#include "common/run/checkpoint_store.h"
#include "learner/protocol/checkpoint_state.h"
#include "tests/support/command.h"
#include "tests/support/pole_model.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing_support::Balances;
using testing_support::PoleFile;
using testing_support::PoleNetwork;
using testing_support::ScratchDirectory;

/// Always pushes left: the pole falls within some ten steps.
std::vector<float> Falls() { return {0, 0, 0, 0, 0, 0, 0, 0, 1, 0}; }

/// A run on cart_pole that is over, with an older checkpoint.
class EvalCommandTest : public ::testing::Test {
 protected:
  EvalCommandTest() : run_(scratch_.Path() / "pole") {
    fs::create_directories(run_ / "models");
    ReplaceFile(run_ / "config.yaml",
                "env: {id: classic/cart_pole}\nevaluation: {max_steps: 500}\n"
                "students: {small: {loss: {kind: kl, temperature: 0.5}}}\n");
    ReplaceFile(run_ / "models/teacher.native", PoleFile(Balances(1)));
    ReplaceFile(run_ / "models/small.native", PoleFile(Balances(3)));
    ReplaceFile(run_ / "models/bad.native", PoleFile(Falls()));
    Checkpoint checkpoint;
    checkpoint.facts.updates = 700;
    learner::LearnerState learner{
        .teacher = {700, 0.5, {.network = PoleNetwork(), .parameters = Falls(), .average = {}}}};
    learner.teacher.model.average = Balances(0.25);  // of which half is still missing
    checkpoint.files["teacher.state"] = learner.Encode();
    checkpoint.files["student-early.state"] = learner::StudentState{
        .updates = 10,
        .memory = {{.network = PoleNetwork(),
                    .parameters = Falls()}}}.Encode();
    CheckpointStore(run_).Write(checkpoint, 3);
  }

  json Evaluate(EvalOptions options) {
    options.json = true;
    std::ostringstream out;
    EXPECT_EQ(RunEval(options, out), 0);
    return json::parse(out.str());
  }
  std::string Model(const std::string& name) const { return run_.string() + ":" + name; }
  /// What is said of models that are refused.
  std::string Refusal(EvalOptions options) {
    std::ostringstream out;
    try {
      RunEval(options, out);
    } catch (const ConfigError& error) {
      EXPECT_EQ(out.str(), "");
      return error.what();
    }
    return "(not refused)";
  }
  void Flip(const fs::path& file, std::size_t at) const {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    const int byte = stream.get();
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(static_cast<char>(byte ^ 0x10));
  }

  ScratchDirectory scratch_;
  fs::path run_;
};

TEST_F(EvalCommandTest, MeasuresAModelThatBalancesThePole) {
  const json result = Evaluate({.models = {Model("teacher")}, .episodes = 40});
  EXPECT_EQ(result["environment"], "classic/cart_pole");
  EXPECT_EQ(result["max_steps"], 500);
  EXPECT_GT(result["random_return"], 15);
  EXPECT_LT(result["random_return"], 30);
  const json& model = result["models"][0];
  EXPECT_EQ(model["episodes"], 40);
  EXPECT_EQ(model["parameters"], 10);
  EXPECT_GT(model["return_mean"], 150);
  EXPECT_LE(model["return_ci95"][0], model["return_mean"]);
  EXPECT_LE(model["return_worst5"], model["return_mean"]);
  EXPECT_GE(model["return_worst5"], model["return_min"]);
  EXPECT_EQ(model["steps_mean"], model["return_mean"]) << "each step of the pole is worth 1";
  EXPECT_TRUE(result["comparisons"].empty());
}

TEST_F(EvalCommandTest, TheResultDoesNotDependOnTheNumberOfThreads) {
  EvalOptions options{.models = {Model("teacher"), Model("bad")}, .episodes = 70, .threads = 1};
  json alone = Evaluate(options);
  options.threads = 3;
  json together = Evaluate(options);
  for (json* result : {&alone, &together}) {
    for (json& model : (*result)["models"]) model.erase("latency_us");
  }
  EXPECT_EQ(alone, together);
  options.seed = 2;
  EXPECT_NE(Evaluate(options)["models"][0]["steps_mean"], alone["models"][0]["steps_mean"]);
}

TEST_F(EvalCommandTest, ComparesEveryModelWithTheFirstOnTheSameSeeds) {
  const json result =
      Evaluate({.models = {Model("teacher"), Model("small"), Model("bad")}, .episodes = 50});
  ASSERT_EQ(result["comparisons"].size(), 2U);
  const json& small = result["comparisons"][0];
  // Three times its Q-values: the same actions, so the same episodes.
  EXPECT_EQ(small["difference_ci95"], (json{0, 0}));
  EXPECT_EQ(small["probability_of_improvement"], 0.5);
  EXPECT_EQ(small["retention"], 1);
  EXPECT_EQ(small["fidelity"]["reference_states"]["agreement"], 1);
  EXPECT_GT(small["fidelity"]["reference_states"]["q_error"], 0);
  const json& bad = result["comparisons"][1];
  EXPECT_LT(bad["difference_ci95"][1], 0);
  EXPECT_LT(bad["probability_of_improvement"], 0.05);
  EXPECT_LT(bad["retention"], 0.1);
  const json& own = bad["fidelity"]["own_states"];
  const json& teachers = bad["fidelity"]["reference_states"];
  EXPECT_LT(own["states"], teachers["states"]) << "its episodes are short";
  EXPECT_LT(own["agreement"], teachers["agreement"])
      << "while the pole falls to the right it should be pushed right";
}

TEST_F(EvalCommandTest, ACheckpointsModelIsFoundByRunByDirectoryAndByFile) {
  const fs::path checkpoint = run_ / "checkpoints/700";
  const auto read = [](const std::string& text) {
    return ReadStoredModel(text, StoredWeights::kLast);
  };
  EXPECT_EQ(read(Model("early")).parameters, Falls()) << "models/ has none of that name";
  EXPECT_EQ(read(Model("early")).updates, 700U);
  EXPECT_EQ(read(checkpoint.string() + ":teacher").parameters, Falls());
  EXPECT_EQ(read(checkpoint.string() + "/:teacher").parameters, Falls());
  const StoredModel by_file = read((checkpoint / "student-early.state").string());
  EXPECT_EQ(by_file.name, "early");
  ASSERT_TRUE(by_file.config);
  EXPECT_EQ(by_file.config->env.id, "classic/cart_pole");
  EXPECT_EQ(read(Model("teacher")).parameters, Balances(1)) << "what the run ended with";
}

TEST_F(EvalCommandTest, TheAverageOfATeacherInTrainingIsCorrectedForItsStart) {
  const auto model =
      ReadStoredModel((run_ / "checkpoints/700").string() + ":teacher", StoredWeights::kAverage);
  EXPECT_EQ(model.parameters, Balances(0.5));
}

TEST_F(EvalCommandTest, WhatIsMissingIsRefusedInWords) {
  EXPECT_THAT(Refusal({.models = {"nowhere:teacher"}}),
              HasSubstr("nowhere:teacher: no such model"));
  EXPECT_THAT(Refusal({.models = {run_.string()}}), HasSubstr("say which model"));
  EXPECT_THAT(Refusal({.models = {Model("large")}}),
              AllOf(HasSubstr("no model 'large'"), HasSubstr("early, teacher")));
  EXPECT_THAT(Refusal({.models = {(run_ / "config.yaml").string()}}), HasSubstr("not a model"));
  ReplaceFile(run_ / "x.onnx", std::string_view("x"));
  EXPECT_THAT(Refusal({.models = {(run_ / "x.onnx").string()}}), HasSubstr("not supported yet"));
}

TEST_F(EvalCommandTest, WhatIsDamagedIsRefusedAndNamed) {
  const fs::path native = run_ / "models/small.native";
  Flip(native, fs::file_size(native) - 8);
  EXPECT_THAT(Refusal({.models = {Model("small")}}), HasSubstr("small.native"));
  fs::resize_file(native, 20);
  EXPECT_THAT(Refusal({.models = {Model("small")}}), HasSubstr("small.native"));
  const fs::path state = run_ / "checkpoints/700/student-early.state";
  Flip(state, 60);
  EXPECT_THAT(Refusal({.models = {state.string()}}), HasSubstr("damaged"));
  auto broken = Balances(1);
  broken[3] = std::numeric_limits<float>::infinity();
  ReplaceFile(native, PoleFile(broken));
  EXPECT_THAT(Refusal({.models = {Model("small")}}), HasSubstr("infinite or not a number"));
}

TEST_F(EvalCommandTest, AnEnvironmentThatDoesNotFitIsRefusedWithBothShapes) {
  EXPECT_THAT(Refusal({.models = {Model("teacher")}, .environment = "minatar/breakout"}),
              AllOf(HasSubstr("2 actions"), HasSubstr("minatar/breakout has"), HasSubstr("6")));
  EXPECT_THAT(Refusal({.models = {Model("teacher")}, .environment = "classic/pole"}),
              HasSubstr("does not exist"));
  const fs::path alone = scratch_.Path() / "alone.native";
  ReplaceFile(alone, PoleFile(Balances(1)));
  EXPECT_THAT(Refusal({.models = {alone.string()}}), HasSubstr("--env"));
  const json result =
      Evaluate({.models = {alone.string()}, .environment = "classic/cart_pole", .episodes = 5});
  EXPECT_EQ(result["max_steps"], 10000);
}

TEST_F(EvalCommandTest, ModelsOfDifferentEnvironmentsAreNotComparedByChance) {
  const fs::path other = scratch_.Path() / "other";
  fs::create_directories(other / "models");
  ReplaceFile(other / "config.yaml", std::string_view("env: {id: classic/acrobot}\n"));
  ReplaceFile(other / "models/teacher.native", PoleFile(Balances(1)));
  EXPECT_THAT(Refusal({.models = {Model("teacher"), other.string() + ":teacher"}}),
              AllOf(HasSubstr("classic/acrobot"), HasSubstr("say --env")));
}

TEST_F(EvalCommandTest, TheTextNamesEveryModelAndEveryComparison) {
  std::ostringstream out;
  RunEval({.models = {Model("teacher"), Model("bad")}, .episodes = 10}, out);
  EXPECT_THAT(out.str(),
              AllOf(HasSubstr("classic/cart_pole: 10 episodes"), HasSubstr("bad against "),
                    HasSubstr("retention"), HasSubstr("on its own states: agreement")));
}

TEST_F(EvalCommandTest, SaysWhereAModelChoosesOtherwiseThanTheFirst) {
  const json result =
      Evaluate({.models = {Model("teacher"), Model("bad")}, .episodes = 20, .disagreements = 3});
  const json& found = result["comparisons"][0]["disagreements"];
  ASSERT_EQ(found["actions"].size(), 2U);
  std::uint64_t states = 0;
  for (const json& action : found["actions"]) {
    EXPECT_EQ(action["chosen_by_model"][1], 0) << "it always pushes left";
    states += action["chosen_by_model"][0].get<std::uint64_t>();
  }
  EXPECT_EQ(found["actions"][0]["loss_mean"], 0);
  EXPECT_GT(found["actions"][1]["loss_mean"], 0);
  EXPECT_EQ(found["states"], states);
  ASSERT_EQ(found["worst"].size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const json& state = found["worst"][i];
    EXPECT_EQ(state["reference_action"], 1);
    EXPECT_EQ(state["model_action"], 0);
    EXPECT_NEAR(state["loss"],
                state["reference_q"][1].get<double>() - state["reference_q"][0].get<double>(),
                1e-6);
    if (i > 0) {
      EXPECT_LE(state["loss"], found["worst"][i - 1]["loss"]);
    }
  }
}

TEST_F(EvalCommandTest, ADisagreementReportOfTheSameChoicesListsNothing) {
  const json result =
      Evaluate({.models = {Model("teacher"), Model("small")}, .episodes = 5, .disagreements = 3});
  const json& found = result["comparisons"][0]["disagreements"];
  EXPECT_TRUE(found["worst"].empty());
  EXPECT_EQ(found["actions"][0]["chosen_by_model"][1], 0);
  EXPECT_EQ(found["actions"][1]["chosen_by_model"][0], 0);
}

TEST_F(EvalCommandTest, DistilsTheFirstModelIntoATreeThatPlays) {
  const EvalOptions options{.models = {Model("teacher")}, .episodes = 20, .tree = 5};
  const json result = Evaluate(options);
  const json& tree = result["tree"];
  EXPECT_LE(tree["depth"], 5);
  EXPECT_EQ(tree["episodes"], 20);
  EXPECT_GT(tree["agreement"], 0.85);
  EXPECT_GT(tree["return_mean"], 0.5 * result["models"][0]["return_mean"].get<double>());
  EXPECT_EQ(tree["rules"].size(), 3 * tree["leaves"].get<std::size_t>() - 2)
      << "a line a leaf, two a question";
  EXPECT_EQ(Evaluate(options)["tree"], tree) << "the same command gives the same tree";

  std::ostringstream text;
  EXPECT_EQ(RunEval(options, text), 0);
  EXPECT_THAT(text.str(), AllOf(HasSubstr("as a decision tree"), HasSubstr("if x[")));
}

}  // namespace
}  // namespace stillhouse::cli
