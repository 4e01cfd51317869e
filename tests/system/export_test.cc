// E6 of docs/methods.md: a student leaves its run and computes the same without us, as C99 and in
// another runtime for ONNX. A runtime that is missing is a failure, never a skipped test.

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "common/export/onnx_model.h"
#include "common/run/atomic_file.h"
#include "tests/support/command.h"
#include "tests/support/layer_zoo.h"
#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using testing_support::Command;
using testing_support::RunningJob;
using testing_support::ScratchDirectory;
using testing_support::Stillhouse;

const std::string kRunner = STILLHOUSE_SOURCE_DIR "/scripts/onnx_runner.sh";
const std::vector<std::string> kRuntime = {"STILLHOUSE_ONNX_RUNTIME=" STILLHOUSE_BINARY_DIR
                                           "/onnx-runtime"};

std::string AsText(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::vector<float> Floats(const fs::path& file) {
  const std::string bytes = ReadFile(file);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

struct ZooJob {
  std::string name;
  fs::path q;
  std::vector<float> expected;
};

/// Every layer that there is, with weights of 32 and of 8 bits, in ONNX Runtime.
TEST(E6Test, EveryLayerComputesTheSameInAnotherRuntime) {
  ScratchDirectory scratch;
  Rng rng(21);
  std::vector<ZooJob> jobs;
  std::vector<std::string> argv = {kRunner};
  const auto add = [&](const std::string& name, const ExportedModel& model,
                       const std::vector<float>& parameters) {
    const auto observations = testing_support::ZooObservations(model.network, 70, rng);
    jobs.push_back({name, scratch.Path() / (name + ".q"),
                    testing_support::NativeQValues(model.network, parameters, observations)});
    std::string shape;
    for (const auto size : model.network.Observation().shape) {
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
    }
    argv.insert(argv.end(), {scratch.Write(name + ".onnx", WriteOnnx(model)),
                             scratch.Write(name + ".observations", AsText(observations)),
                             jobs.back().q.string(), shape});
  };
  for (const auto& [name, network] : testing_support::LayerZoo()) {
    const auto parameters = testing_support::ZooParameters(network, rng);
    add(name, {name, network, parameters, nullptr, "test"}, parameters);
    const auto int8 = QuantizedParameters::Quantize(network, parameters);
    add(name + "_int8", {name, network, {}, &int8, "test"}, int8.Dequantize());
  }
  Command command(argv, kRuntime);
  ASSERT_EQ(command.Wait(120s), 0) << "ONNX Runtime did not run the models:\n" << command.Output();
  for (const auto& [name, q, expected] : jobs) {
    // 1e-5: sums of float32 in another order.
    EXPECT_LE(testing_support::LargestDifference(Floats(q), expected),
              1e-5 * testing_support::Magnitude(expected))
        << name;
  }
}

/// A short run whose models are exported, shared by the tests.
class E6RunTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    job_ = new RunningJob(0, {STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml", "--set",
                              "run.deterministic=true", "--set", "checkpoint.every=off", "--set",
                              "evaluation.every=1000 updates", "--set", "stop={frames: 10000}"});
    ASSERT_EQ(job_->Wait(120s), 0) << job_->Output();
  }
  static void TearDownTestSuite() {
    delete job_;
    job_ = nullptr;
  }
  static fs::path Run() { return job_->Directory() / "run"; }

  int Export(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"export", Run().string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Command command(Stillhouse(arguments), kRuntime);
    const auto status = command.Wait(240s);
    output_ = command.Output();
    return status.value_or(-1);
  }

  static RunningJob* job_;
  std::string output_;
};
RunningJob* E6RunTest::job_ = nullptr;

TEST_F(E6RunTest, AStudentRunsWithoutUsInEveryFormat) {
  ASSERT_EQ(Export({"--model", "small", "--int8", "--episodes", "100", "--onnx-runner", kRunner}),
            0)
      << output_;
  const fs::path folder = Run() / "exports/small";
  const json card = json::parse(ReadFile(folder / "card.json"));
  EXPECT_EQ(card["kind"], "student");
  EXPECT_EQ(card["learnt_from"][0]["model"], "teacher");
  EXPECT_EQ(card["environment"]["id"], "classic/cart_pole");
  EXPECT_GT(card["scores"]["retention"].get<double>(), -1);
  std::vector<std::string> written;
  for (const auto& artefact : card["artefacts"]) {
    written.push_back(artefact["format"].get<std::string>() + " " +
                      artefact["precision"].get<std::string>());
    ASSERT_TRUE(artefact["equality"].is_object()) << artefact.dump(1);
    EXPECT_EQ(artefact["equality"]["observations"], 1000);
    EXPECT_LE(artefact["equality"]["max_abs_difference"].get<double>(),
              1e-5 * std::max(1.0, artefact["equality"]["largest_q"].get<double>()))
        << artefact.dump(1);
    EXPECT_GE(artefact["equality"]["equal_actions"].get<double>(), 0.998) << artefact.dump(1);
    for (const auto& file : artefact["files"]) {
      EXPECT_EQ(fs::file_size(folder / file["name"].get<std::string>()), file["bytes"]);
    }
  }
  EXPECT_THAT(written, ::testing::ElementsAre("onnx float32", "c float32", "native float32",
                                              "onnx int8", "c int8", "native int8"));
  EXPECT_EQ(card["int8"]["episodes"], 100);
  // 32 of the 130 parameters stay float32, and there are 18 scales: no quarter of a net so small.
  EXPECT_LT(card["int8"]["parameter_bytes"].get<double>(),
            0.6 * card["int8"]["float32_parameter_bytes"].get<double>());
  EXPECT_GE(card["int8"]["q_against_float32"]["equal_actions"].get<double>(), 0.9);
  EXPECT_THAT(ReadFile(folder / "card.md"), HasSubstr("What int8 costs"));
  // What is left behind, and nothing else.
  EXPECT_FALSE(fs::exists(Run() / "exports/small.partial"));
}

TEST_F(E6RunTest, TheNativeFilesPlayLikeTheModel) {
  ASSERT_EQ(Export({"--model", "tiny", "--format", "native", "--int8", "--episodes", "20"}), 0)
      << output_;
  const std::string folder = (Run() / "exports/tiny").string();
  Command command(Stillhouse({"eval", Run().string() + ":tiny", folder + "/tiny.native",
                              folder + "/tiny_int8.native", "--episodes", "20", "--json"}));
  ASSERT_EQ(command.Wait(60s), 0) << command.Output();
  const json report = json::parse(command.Output());
  EXPECT_EQ(report["comparisons"][0]["difference"], 0) << "the same weights";
  EXPECT_GE(report["comparisons"][1]["fidelity"]["reference_states"]["agreement"].get<double>(),
            0.9);
}

TEST_F(E6RunTest, WhatCannotBeExportedIsRefusedAndNothingIsWritten) {
  EXPECT_EQ(Export({"--model", "small", "--format", "torchscript", "--out", "x"}), 2);
  EXPECT_THAT(output_, HasSubstr("torchscript: not supported yet"));
  EXPECT_EQ(Export({"--model", "small", "--format", "c,tflite"}), 2);
  EXPECT_THAT(output_, HasSubstr("tflite: no such format"));
  EXPECT_EQ(Export({"--model", "medium"}), 2);
  EXPECT_THAT(output_, HasSubstr("small, teacher, tiny"));
  const fs::path out = Run() / "nowhere";
  EXPECT_EQ(Export({"--model", "small", "--out", out.string(), "--onnx-runner", "/bin/false"}), 2);
  EXPECT_THAT(output_, HasSubstr("--onnx-runner /bin/false: ended with status 1"));
  EXPECT_FALSE(fs::exists(out));
  EXPECT_FALSE(fs::exists(Run() / "nowhere.partial"));
}

}  // namespace
}  // namespace stillhouse
