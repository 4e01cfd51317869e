#include "cli/export_command.h"

#include <filesystem>
#include <limits>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include "cli/stored_model.h"
#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "common/model/native_file.h"
#include "common/run/atomic_file.h"
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
using testing_support::ScratchDirectory;

/// A run on cart_pole that is over.
class ExportCommandTest : public ::testing::Test {
 protected:
  ExportCommandTest() : run_(scratch_.Path() / "pole") {
    fs::create_directories(run_ / "models");
    ReplaceFile(run_ / "config.yaml",
                "run: {name: pole, seed: 4}\nenv: {id: classic/cart_pole}\n"
                "evaluation: {max_steps: 200}\nstudents: {small: {loss: {kind: kl}}}\n");
    ReplaceFile(run_ / "models/teacher.native", PoleFile(Balances()));
    ReplaceFile(run_ / "models/small.native", PoleFile(Balances()));
  }

  ExportOptions Options(const std::string& model, std::vector<std::string> formats) const {
    ExportOptions options;
    options.run = run_.string();
    options.model = model;
    options.formats = std::move(formats);
    options.observations = 50;
    options.episodes = 20;
    options.version = "7.8.9";
    return options;
  }
  json Export(const ExportOptions& options) {
    std::ostringstream out;
    EXPECT_EQ(RunExport(options, out), 0);
    text_ = out.str();
    const fs::path folder =
        options.out.empty() ? run_ / "exports" / options.model : fs::path(options.out);
    return json::parse(ReadFile(folder / "card.json"));
  }
  /// What is said of what is refused; nothing is left behind.
  std::string Refusal(const ExportOptions& options) {
    std::ostringstream out;
    try {
      RunExport(options, out);
    } catch (const ConfigError& error) {
      EXPECT_EQ(out.str(), "");
      EXPECT_FALSE(fs::exists(run_ / "exports" / options.model));
      EXPECT_FALSE(fs::exists(run_ / "exports" / (options.model + ".partial")));
      return error.what();
    }
    return "(not refused)";
  }
  /// An executable script.
  std::string Script(const std::string& name, const std::string& text) const {
    const std::string path = scratch_.Write(name, "#!/bin/sh\n" + text);
    chmod(path.c_str(), 0755);
    return path;
  }

  ScratchDirectory scratch_;
  fs::path run_;
  std::string text_;
};

TEST_F(ExportCommandTest, TheCardSaysWhatTheModelIs) {
  ReplaceFile(run_ / "scoreboard.json",
              R"({"models": {"small": {"return_mean": 190.5, "retention": 0.97}}})");
  const json card = Export(Options("small", {"native"}));
  EXPECT_EQ(card["name"], "small");
  EXPECT_EQ(card["kind"], "student");
  EXPECT_EQ(card["learnt_from"][0]["model"], "teacher");
  EXPECT_EQ(card["parameters"], 10);
  EXPECT_EQ(card["macs"], 8);
  EXPECT_EQ(card["environment"]["id"], "classic/cart_pole");
  EXPECT_EQ(card["input"]["shape"], json({4}));
  EXPECT_EQ(card["input"]["kind"], "floats");
  EXPECT_EQ(card["actions"].size(), 2U);
  EXPECT_EQ(card["run"]["name"], "pole");
  EXPECT_EQ(card["run"]["seed"], 4);
  EXPECT_EQ(card["scores"]["retention"], 0.97);
  EXPECT_EQ(card["versions"]["stillhouse"], "7.8.9");
  EXPECT_TRUE(card["int8"].is_null());
  const std::string text = ReadFile(run_ / "exports/small/card.md");
  EXPECT_THAT(text, AllOf(HasSubstr("# small"), HasSubstr("A student of the run `pole` (seed 4)"),
                          HasSubstr("| retention | 0.97 |"), HasSubstr("100.00 % equal actions")));
}

TEST_F(ExportCommandTest, EveryFileIsNamedWithItsSizeAndChecksum) {
  const json card = Export(Options("teacher", {"onnx", "c", "native"}));
  EXPECT_EQ(card["kind"], "teacher");
  ASSERT_EQ(card["artefacts"].size(), 3U);
  for (const auto& artefact : card["artefacts"]) {
    for (const auto& file : artefact["files"]) {
      const std::string bytes =
          ReadFile(run_ / "exports/teacher" / file["name"].get<std::string>());
      EXPECT_EQ(file["bytes"], bytes.size());
      EXPECT_EQ(file["crc32c"],
                Crc32c({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}));
    }
  }
  EXPECT_EQ(card["artefacts"][1]["files"].size(), 3U) << "source, header, a program around them";
  EXPECT_EQ(fs::file_size(run_ / "exports/teacher/observations.f32"), 50 * 4 * 4U);
  EXPECT_EQ(fs::file_size(run_ / "exports/teacher/q.f32"), 50 * 2 * 4U);
}

TEST_F(ExportCommandTest, TheCSourceIsCompiledAndRun) {
  const json artefact = Export(Options("teacher", {"c"}))["artefacts"][0];
  EXPECT_EQ(artefact["equality"]["observations"], 50);
  EXPECT_LE(artefact["equality"]["max_abs_difference"].get<double>(), 1e-5);
  EXPECT_EQ(artefact["equality"]["equal_actions"], 1.0);
  EXPECT_GE(artefact["latency_us"].get<double>(), 0);
}

TEST_F(ExportCommandTest, WithoutACompilerTheCardSaysThatNothingWasRun) {
  auto options = Options("teacher", {"c"});
  options.compiler = "no-such-compiler";
  const json artefact = Export(options)["artefacts"][0];
  EXPECT_TRUE(artefact["equality"].is_null());
  EXPECT_THAT(artefact["not_run"].get<std::string>(), HasSubstr("no-such-compiler"));
  EXPECT_THAT(text_, HasSubstr("not run: no C compiler"));
}

TEST_F(ExportCommandTest, WithoutAnotherRuntimeTheCardSaysThatNothingWasRun) {
  const json artefact = Export(Options("teacher", {"onnx"}))["artefacts"][0];
  EXPECT_THAT(artefact["not_run"].get<std::string>(), HasSubstr("--onnx-runner"));
}

TEST_F(ExportCommandTest, Int8IsMeasuredAgainstFloat32OnTheSameSeeds) {
  auto options = Options("teacher", {"native"});
  options.int8 = true;
  const json card = Export(options);
  EXPECT_EQ(card["artefacts"].size(), 2U);
  EXPECT_EQ(card["artefacts"][1]["precision"], "int8");
  const json& int8 = card["int8"];
  EXPECT_EQ(int8["parameter_bytes"], 8 + 2 * 4 + 2 * 4);
  EXPECT_EQ(int8["float32_parameter_bytes"], 40);
  EXPECT_EQ(int8["episodes"], 20);
  EXPECT_EQ(int8["difference"], 0.0) << "0 and 1 are exact in 8 bits";
  EXPECT_EQ(int8["loss"], 0.0);
  EXPECT_EQ(int8["loss_upper95"], 0.0);
  EXPECT_GT(int8["return_float32"], int8["return_random"]);
  const auto stored = ReadStoredModel((run_ / "exports/teacher/teacher_int8.native").string(),
                                      StoredWeights::kLast);
  EXPECT_EQ(stored.parameters.size(), 10U);
  EXPECT_TRUE(stored.config) << "of the run that it lies in";
}

TEST_F(ExportCommandTest, AnArtefactThatComputesSomethingElseIsNotLeftBehind) {
  auto options = Options("teacher", {"native", "onnx"});
  // Another runtime with another opinion: the observations as Q-values.
  options.onnx_runner = Script("runner", "head -c 400 \"$2\" >\"$3\"\n");
  std::ostringstream out;
  try {
    RunExport(options, out);
    FAIL() << "not refused";
  } catch (const NumericError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("teacher.onnx"), HasSubstr("nothing was exported")));
  }
  EXPECT_FALSE(fs::exists(run_ / "exports/teacher"));
  options.onnx_runner = Script("short", "head -c 40 \"$2\" >\"$3\"\n");
  EXPECT_THROW(RunExport(options, out), ShapeError);
  options.onnx_runner = Script("silent", "exit 0\n");
  EXPECT_THAT(Refusal(options), HasSubstr("wrote no Q-values"));
  options.onnx_runner = Script("loud", "echo no such operator >&2; exit 3\n");
  EXPECT_THAT(Refusal(options), AllOf(HasSubstr("status 3"), HasSubstr("no such operator")));
  options.onnx_runner = (run_ / "none").string();
  EXPECT_THAT(Refusal(options), HasSubstr("cannot be started"));
}

TEST_F(ExportCommandTest, AnotherFolderMayBeNamedAndKeepsWhatElseIsInIt) {
  auto options = Options("teacher", {"native"});
  options.out = (scratch_.Path() / "out").string();
  fs::create_directories(options.out);
  ReplaceFile(fs::path(options.out) / "mine.txt", std::string_view("x"));
  EXPECT_EQ(Export(options)["name"], "teacher");
  EXPECT_EQ(ReadFile(fs::path(options.out) / "mine.txt"), "x");
  EXPECT_FALSE(fs::exists(run_ / "exports"));
}

TEST_F(ExportCommandTest, WhatCannotBeExportedIsRefused) {
  EXPECT_THAT(Refusal(Options("teacher", {"torchscript"})),
              AllOf(HasSubstr("not supported yet"), HasSubstr("onnx, c, native")));
  EXPECT_THAT(Refusal(Options("teacher", {"c", "coreml"})), HasSubstr("coreml: no such format"));
  EXPECT_THAT(Refusal(Options("tall", {"c"})), HasSubstr("small, teacher"));
  auto options = Options("teacher", {"c"});
  options.run = "nowhere";
  EXPECT_THAT(Refusal(options), HasSubstr("nowhere"));
  ReplaceFile(run_ / "scoreboard.json", std::string_view("{"));
  EXPECT_THAT(Refusal(Options("teacher", {"c"})), HasSubstr("scoreboard.json: not a JSON object"));
  auto broken = Balances();
  broken[0] = std::numeric_limits<float>::quiet_NaN();
  ReplaceFile(run_ / "models/small.native", PoleFile(broken));
  EXPECT_THAT(Refusal(Options("small", {"c"})), HasSubstr("infinite or not a number"));
  fs::remove(run_ / "config.yaml");
  EXPECT_THAT(Refusal(Options("teacher", {"c"})), HasSubstr("no config.yaml"));
}

TEST_F(ExportCommandTest, AModelOfAnotherEnvironmentIsRefused) {
  ReplaceFile(run_ / "config.yaml", std::string_view("env: {id: classic/acrobot}\n"));
  EXPECT_THAT(Refusal(Options("teacher", {"c"})),
              AllOf(HasSubstr("floats[4]"), HasSubstr("classic/acrobot has")));
}

}  // namespace
}  // namespace stillhouse::cli
