// Formats: tests/conformance/minatar/README.md, sections 2 (rng.csv) and 4 (traces).
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "actors/env/environment_factory.h"
#include "actors/env/minatar/minatar_environment.h"
#include "tests/support/conformance_data.h"
#include "tests/support/trace_csv.h"

namespace stillhouse::actors {
namespace {

// The CRC of zlib and PNG.
std::uint32_t Crc32(const std::vector<std::uint8_t>& bytes) {
  static const auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      table[i] = i;
      for (int bit = 0; bit < 8; ++bit) {
        table[i] = (table[i] >> 1) ^ ((table[i] & 1) != 0 ? 0xEDB88320U : 0U);
      }
    }
    return table;
  }();
  std::uint32_t crc = ~0U;
  for (const std::uint8_t byte : bytes) crc = (crc >> 8) ^ kTable[(crc ^ byte) & 0xff];
  return ~crc;
}

// The observation as the traces know it: one byte a value, [y][x][channel].
std::vector<std::uint8_t> ObserveChannelLast(const Environment& environment) {
  const TensorSpec& spec = environment.Spec().observation;
  std::vector<std::uint8_t> packed(static_cast<std::size_t>(spec.PackedBytes()));
  environment.Observe(packed);
  const auto channels = static_cast<std::size_t>(spec.shape[0]);
  const std::size_t cells = 100;
  std::vector<std::uint8_t> values(channels * cells);
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t cell = 0; cell < cells; ++cell) {
      const std::size_t bit = c * cells + cell;
      values[cell * channels + c] = static_cast<std::uint8_t>(packed[bit / 8] >> (bit % 8) & 1);
    }
  }
  return values;
}

std::string Hex(std::uint32_t value) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", value);
  return text.data();
}

std::string PackedHex(const std::vector<std::uint8_t>& values) {
  std::string hex;
  for (std::size_t begin = 0; begin < values.size(); begin += 8) {
    unsigned byte = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      const unsigned bit = begin + i < values.size() ? values[begin + i] : 0U;
      byte = byte << 1 | bit;
    }
    hex += Hex(byte).substr(6);
  }
  return hex;
}

// A trace being replayed, row by row; the first difference ends it.
class TraceReplay {
 public:
  explicit TraceReplay(const TraceCsv& trace) {
    const EnvironmentOptions options{
        .sticky_action_prob = ParseNumber(trace.Header("sticky_action_prob")),
        .difficulty_ramping = trace.Header("difficulty_ramping") == "1"};
    environment_ = MakeEnvironment("minatar/" + trace.Header("game"), options);
    game_ = dynamic_cast<MinAtarEnvironment*>(environment_.get());
    game_->Seed(std::strtoull(trace.Header("seed").c_str(), nullptr, 10));
  }

  // The row that the run gives where `expected` is the trace's; fields joined by commas.
  std::string Apply(const std::vector<std::string>& expected) {
    const std::string& kind = expected[0];
    if (kind == "E") {
      MinAtarStream stream = game_->Stream();
      return "E,0,0,0,0," + Hex(stream.Next());
    }
    std::string row = "R,0,0,0,0,";
    if (kind == "S") {
      const StepResult result = game_->Step(ParseInt(expected[1]));
      reward_sum_ += static_cast<int>(result.reward);
      EXPECT_FALSE(result.truncated);
      row = fmt::format("S,{},{},{},{:d},", expected[1], game_->LastAction(),
                        static_cast<int>(result.reward), result.terminated);
    } else {
      game_->Reset();
    }
    return row + Hex(Crc32(ObserveChannelLast(*game_)));
  }

  const Environment& Game() const { return *game_; }
  int RewardSum() const { return reward_sum_; }

 private:
  std::unique_ptr<Environment> environment_;
  MinAtarEnvironment* game_ = nullptr;
  int reward_sum_ = 0;
};

std::string Join(const std::vector<std::string>& fields) {
  return fmt::format("{}", fmt::join(fields, ","));
}

class MinAtarConformanceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::is_directory(directory_)) {
      GTEST_SKIP() << directory_ << " is missing";
    }
  }
  const std::filesystem::path directory_ = testing::ConformanceDirectory() / "minatar";
  const std::filesystem::path traces_ = directory_ / "traces";
};

TEST_F(MinAtarConformanceTest, StreamGivesNumpysNumbers) {
  const TraceCsv csv = TraceCsv::Read(directory_ / "rng.csv");
  ASSERT_FALSE(csv.rows.empty());
  MinAtarStream stream;
  std::string seed;
  for (const auto& row : csv.rows) {
    if (row[0] != seed || row[1] == "0") {
      seed = row[0];
      stream.Seed(static_cast<std::uint32_t>(ParseNumber(seed)));
    }
    double value = 0;
    if (row[2] == "u32") {
      value = stream.Next();
    } else if (row[2] == "random") {
      value = stream.Random();
    } else {
      ASSERT_EQ(row[2], "integer");
      value = stream.Integer(ParseInt(row[3]), ParseInt(row[4]));
    }
    ASSERT_EQ(value, ParseNumber(row[5])) << Join(row);
  }
}

TEST_F(MinAtarConformanceTest, EveryRowOfEveryTraceIsReproduced) {
  std::size_t count = 0;
  for (const auto& path : testing::ListConformanceFiles("minatar/traces", ".csv")) {
    if (path.string().ends_with(".obs.csv")) continue;
    const TraceCsv trace = TraceCsv::Read(path);
    TraceReplay replay(trace);
    bool same = true;
    for (std::size_t i = 0; same && i < trace.rows.size(); ++i) {
      const std::string expected = Join(trace.rows[i]);
      const std::string found = replay.Apply(trace.rows[i]);
      same = found == expected;
      EXPECT_EQ(found, expected) << trace.name << ", row " << i;
    }
    EXPECT_TRUE(!same || replay.RewardSum() == ParseInt(trace.Header("reward_sum"))) << trace.name;
    ++count;
  }
  EXPECT_GT(count, 0U) << "no trace in " << traces_;
}

TEST_F(MinAtarConformanceTest, ObservationsAreThoseOfTheReference) {
  const auto paths = testing::ListConformanceFiles("minatar/traces", ".obs.csv");
  EXPECT_FALSE(paths.empty()) << "no observations in " << traces_;
  for (const auto& path : paths) {
    const TraceCsv observations = TraceCsv::Read(path);
    const TraceCsv trace = TraceCsv::Read(traces_ / observations.Header("trace"));
    TraceReplay replay(trace);
    std::size_t next = 0;
    for (const auto& row : observations.rows) {
      for (const auto i = static_cast<std::size_t>(ParseInt(row[0])); next <= i; ++next) {
        replay.Apply(trace.rows.at(next));
      }
      ASSERT_EQ(PackedHex(ObserveChannelLast(replay.Game())), row[1]) << path << ", row " << row[0];
    }
  }
}

}  // namespace
}  // namespace stillhouse::actors
