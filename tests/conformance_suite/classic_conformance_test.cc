// Format and tolerances: tests/conformance/classic/README.md.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "actors/env/classic/acrobot.h"
#include "actors/env/classic/cart_pole.h"
#include "actors/env/classic/mountain_car.h"
#include "common/base/tensor_spec.h"
#include "tests/support/conformance_data.h"
#include "tests/support/trace_csv.h"

namespace stillhouse::actors {
namespace {

constexpr double kStateTolerance = 1e-12;       // sin and cos differ in the last bit
constexpr double kObservationTolerance = 1e-6;  // nine digits of a float32
constexpr double kFreeRunTolerance = 1e-9;      // errors grow where the task is chaotic
constexpr int kFreeRunSteps = 50;

template <std::size_t N>
std::array<double, N> StateOf(const std::vector<std::string>& row) {
  std::array<double, N> state;
  for (std::size_t i = 0; i < N; ++i) state[i] = ParseNumber(row.at(5 + i));
  return state;
}

template <std::size_t N>
bool Near(const std::array<double, N>& found, const std::array<double, N>& expected,
          double tolerance) {
  for (std::size_t i = 0; i < N; ++i) {
    if (!(std::abs(found[i] - expected[i]) <= tolerance * std::max(1.0, std::abs(expected[i])))) {
      return false;
    }
  }
  return true;
}

template <typename Task>
bool ObservationIsNear(const Task& task, const std::vector<std::string>& row) {
  const TensorSpec& spec = task.Spec().observation;
  std::vector<std::uint8_t> packed(static_cast<std::size_t>(spec.PackedBytes()));
  std::vector<float> values(static_cast<std::size_t>(spec.Elements()));
  task.Observe(packed);
  Unpack(spec, packed.data(), values.data());
  const std::size_t first = 5 + std::tuple_size_v<typename Task::State>;
  EXPECT_EQ(first + values.size(), row.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(std::abs(static_cast<double>(values[i]) - ParseNumber(row[first + i])) <=
          kObservationTolerance)) {
      return false;
    }
  }
  return true;
}

// One step from each row's state. `free` runs beside it from each reset on, never corrected.
template <typename Task>
void ReplayTrace(const TraceCsv& trace) {
  constexpr std::size_t kValues = std::tuple_size_v<typename Task::State>;
  Task task, free;
  int steps = 0;
  for (std::size_t i = 0; i < trace.rows.size(); ++i) {
    const auto& row = trace.rows[i];
    const auto expected = StateOf<kValues>(row);
    SCOPED_TRACE(fmt::format("{}, row {}", trace.name, i));
    if (row[0] == "R") {
      steps = 0;
      for (Task* each : {&task, &free}) {
        each->Reset();
        each->SetState(expected);
      }
    } else {
      ASSERT_GT(i, 0U);
      task.SetState(StateOf<kValues>(trace.rows[i - 1]));
      const StepResult result = task.Step(ParseInt(row[1]));
      free.Step(ParseInt(row[1]));
      ASSERT_EQ(static_cast<double>(result.reward), ParseNumber(row[2]));
      ASSERT_EQ(result.terminated, row[3] == "1");
      ASSERT_EQ(result.truncated, row[4] == "1");
      ASSERT_TRUE(Near(task.GetState(), expected, kStateTolerance));
      if (++steps <= kFreeRunSteps) {
        ASSERT_TRUE(Near(free.GetState(), expected, kFreeRunTolerance));
      }
    }
    ASSERT_TRUE(ObservationIsNear(task, row));
  }
}

TEST(ClassicConformanceTest, EveryTransitionOfEveryTraceIsReproduced) {
  const auto directory = testing::ConformanceDirectory() / "classic";
  if (!std::filesystem::is_directory(directory)) GTEST_SKIP() << directory << " is missing";
  const auto paths = testing::ListConformanceFiles("classic", ".csv");
  EXPECT_FALSE(paths.empty()) << "no trace in " << directory;
  for (const auto& path : paths) {
    const TraceCsv trace = TraceCsv::Read(path);
    const std::string& task = trace.Header("env");
    if (task == "CartPole-v1") {
      ReplayTrace<CartPole>(trace);
    } else if (task == "Acrobot-v1") {
      ReplayTrace<Acrobot>(trace);
    } else if (task == "MountainCar-v0") {
      ReplayTrace<MountainCar>(trace);
    } else {
      ADD_FAILURE() << path << ": unknown task " << task;
    }
  }
}

}  // namespace
}  // namespace stillhouse::actors
