// The whole cluster under virtual time, ten thousand times over, with faults. See
// docs/simulator.md.
#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/simulation/schedule.h"

namespace stillhouse::simulation {
namespace {

// Sanitizers cost a factor of a hundred (every allocation is traced) and look at memory, not at
// rare schedules.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
/// One ctest entry a range, so that all cores play.
constexpr std::uint64_t kRanges = kSanitized ? 1 : 8;
constexpr std::uint64_t kSchedules = kSanitized ? 20 : 1250;  ///< of a range
constexpr std::size_t kLeastCells = kSanitized ? 110 : 210;   ///< in every range
constexpr std::uint64_t kFirstSeed = 1;
constexpr int kFailuresShown = 10;
/// Schedules within which a planted bug is found.
constexpr std::uint64_t kSchedulesForABug = 150;

std::string Report(const ScheduleResult& result, PlantedBug bug) {
  std::string text = fmt::format("seed {}:\n", result.seed);
  for (const auto& violation : result.violations) text += fmt::format("  {}\n", violation);
  return text + fmt::format("replay it with: {}\n", ReplayCommand(result.seed, bug));
}

/// What the issue asks of every schedule.
void ExpectASchedule(const ScheduleResult& result) {
  SCOPED_TRACE(ReplayCommand(result.seed, PlantedBug::kNone));
  EXPECT_GE(result.shards, 2U);
  EXPECT_GE(result.student_hosts, 2U);
  EXPECT_GE(result.workers, 3U);
  EXPECT_GE(result.checkpoints, 1U);
  EXPECT_GE(result.resumes, 1U);
  EXPECT_GE(result.coverage.Messages(), 200U);
  EXPECT_GE(result.coverage.Effects(), 1U);
}

void Add(ScheduleResult& sum, const ScheduleResult& result) {
  sum.coverage.Add(result.coverage);
  sum.checkpoints += result.checkpoints;
  sum.resumes += result.resumes;
  sum.preemptions += result.preemptions;
  sum.failures += result.failures;
  sum.acknowledged += result.acknowledged;
  sum.recovered += result.recovered;
  sum.restored += result.restored;
  sum.updates_while_stopped += result.updates_while_stopped;
  sum.evaluation_episodes += result.evaluation_episodes;
  sum.events += result.events;
  sum.virtual_s += result.virtual_s;
  sum.worst_rate = std::max(sum.worst_rate, result.worst_rate);
}

void Print(const ScheduleResult& sum, double seconds) {
  const Coverage& coverage = sum.coverage;
  fmt::print("{}\n{} schedules in {:.1f} s: {:.0f} s of virtual time, {} events, {} messages\n",
             coverage.Table(), kSchedules, seconds, sum.virtual_s, sum.events, coverage.Messages());
  fmt::print("{} effects of faults, {} fields of the table\n", coverage.Effects(),
             coverage.Cells());
  fmt::print("{} acknowledged items found again after a death, {} priorities restored\n",
             sum.recovered, sum.restored);
  fmt::print("{} checkpoints, {} resumes ({} after a preemption, {} after a failure)\n",
             sum.checkpoints, sum.resumes, sum.preemptions, sum.failures);
  fmt::print(
      "{} items acknowledged, {} evaluation episodes, {} teacher updates while a student "
      "host was stopped, rate limiter off by {:.3f} of its tolerance at most\n",
      sum.acknowledged, sum.evaluation_episodes, sum.updates_while_stopped, sum.worst_rate);
}

/// The faults hit what they are for, and enough else.
void ExpectCoverage(const Coverage& coverage) {
  EXPECT_GE(coverage.Cells(), kLeastCells);
  if (kSanitized) return;
  for (std::size_t fault = 0; fault < Coverage::kFaults; ++fault) {
    EXPECT_GT(coverage.Hits(static_cast<Fault>(fault)), 0U) << FaultName(static_cast<Fault>(fault));
  }
  for (std::size_t kind = 0; kind < Coverage::kMessages; ++kind) {
    EXPECT_GT(coverage.DeliveredOf(static_cast<MessageKind>(kind)), 0U)
        << MessageName(static_cast<MessageKind>(kind));
  }
  for (std::size_t kind = 0; kind < Coverage::kFrames; ++kind) {
    if (static_cast<FrameKind>(kind) == FrameKind::kRefused) continue;  // nobody has a reason to
    EXPECT_GT(coverage.DeliveredOf(static_cast<FrameKind>(kind)), 0U)
        << FrameName(static_cast<FrameKind>(kind));
  }
  for (const auto fault : {Fault::kDelayed, Fault::kReordered, Fault::kLost, Fault::kDuplicated,
                           Fault::kWorkerKilled, Fault::kJobKilled}) {
    EXPECT_GT(coverage.Hits(fault, FrameKind::kChunk), 0U) << FaultName(fault);
  }
  for (const auto fault : {DiskFault::kTorn, DiskFault::kPowerLost, DiskFault::kRefused}) {
    EXPECT_GT(coverage.Hits(fault), 0U);
  }
  EXPECT_GT(coverage.Hits(Fault::kCutAtAck, FrameKind::kAck), 0U);
  EXPECT_GT(coverage.Hits(Fault::kLost, FrameKind::kEvaluationTask), 0U);
  EXPECT_GT(coverage.Hits(Fault::kDuplicated, MessageKind::kEvaluationResult), 0U);
  EXPECT_GT(coverage.Hits(Fault::kStopped, FrameKind::kChunk), 0U);
  EXPECT_GT(coverage.Hits(Fault::kClockLeapt, MessageKind::kSampleRequest), 0U);
  EXPECT_GT(coverage.Hits(Fault::kClockLeapt, MessageKind::kShardReport), 0U);
  for (const auto kind : {MessageKind::kLabelledBatch, MessageKind::kPinRequest,
                          MessageKind::kCheckpointRequest, MessageKind::kFreeze}) {
    EXPECT_GT(coverage.Hits(Fault::kStopped, kind), 0U) << MessageName(kind);
  }
}

/// The parameter is the first seed of a range.
class SchedulesTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(SchedulesTest, KeepEveryInvariant) {
  const auto start = std::chrono::steady_clock::now();
  ScheduleResult sum;
  int failed = 0;
  for (std::uint64_t seed = GetParam(); seed < GetParam() + kSchedules; ++seed) {
    const ScheduleResult result = RunSchedule(seed);
    Add(sum, result);
    ExpectASchedule(result);
    if (result.violations.empty()) continue;
    ADD_FAILURE() << Report(result, PlantedBug::kNone);
    if (++failed == kFailuresShown) break;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  Print(sum, took.count());
  EXPECT_GT(sum.updates_while_stopped, kSchedules) << "no student was stopped while others worked";
  EXPECT_GT(sum.recovered, kSchedules) << "no store was recovered";
  EXPECT_GT(sum.restored, kSchedules) << "no priorities came back";
  ExpectCoverage(sum.coverage);
}

INSTANTIATE_TEST_SUITE_P(From, SchedulesTest,
                         ::testing::Range(kFirstSeed, kFirstSeed + kRanges * kSchedules,
                                          kSchedules));

TEST(SimulationTest, TwoRunsOfOneSeedAreByteIdentical) {
  const std::vector<std::uint64_t> seeds = {3, 17, 2026};
  for (const std::uint64_t seed : std::span(seeds).first(kSanitized ? 1 : seeds.size())) {
    std::string first;
    std::string second;
    const auto a = RunSchedule(seed, {.log = &first});
    const auto b = RunSchedule(seed, {.log = &second});
    EXPECT_EQ(a.hash, b.hash);
    EXPECT_GT(first.size(), 10000U);
    EXPECT_TRUE(first == second) << "seed " << seed;
    EXPECT_EQ(RunSchedule(seed).hash, a.hash) << "without a log the run is another";
    EXPECT_NE(RunSchedule(seed + 1).hash, a.hash);
  }
}

class PlantedBugTest : public ::testing::TestWithParam<PlantedBug> {};

TEST_P(PlantedBugTest, IsFound) {
  for (std::uint64_t seed = kFirstSeed; seed < kFirstSeed + kSchedulesForABug; ++seed) {
    const auto result = RunSchedule(seed, {.bug = GetParam()});
    if (result.violations.empty()) continue;
    fmt::print("found by schedule {}: {}\nreplay it with: {}\n", seed - kFirstSeed + 1,
               result.violations.front(), ReplayCommand(seed, GetParam()));
    return;
  }
  FAIL() << BugName(GetParam()) << " was not found in " << kSchedulesForABug << " schedules";
}

std::vector<PlantedBug> Bugs() {
  std::vector<PlantedBug> bugs;
  const auto last = static_cast<std::size_t>(kLastBug);
  // Under a sanitizer those that are found within a few schedules.
  for (std::size_t bug = kSanitized ? 2 : 1; bug <= last; bug += kSanitized ? 4 : 1) {
    bugs.push_back(static_cast<PlantedBug>(bug));
  }
  return bugs;
}

INSTANTIATE_TEST_SUITE_P(All, PlantedBugTest, ::testing::ValuesIn(Bugs()),
                         [](const auto& parameter) { return BugName(parameter.param); });

}  // namespace
}  // namespace stillhouse::simulation
