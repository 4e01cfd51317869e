#include "common/run/coordinator.h"
#include "tests/common/run/coordinator_fixture.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;

/// A run that stands at 300 updates, 1 000 inserts (shards x 500), and writes checkpoints.
class CoordinatorCheckpointTest : public CoordinatorTest {
 protected:
  explicit CoordinatorCheckpointTest(Coordinator::Settings settings = WithCheckpoints())
      : CoordinatorTest(std::move(settings)) {}

  static Coordinator::Settings WithCheckpoints() {
    auto settings = SmallJob();
    settings.config.checkpoint.every = {5, Duration::Unit::kSeconds};
    settings.config.stop.frames = 5000;
    return settings;
  }
  void TrainAWhile() {
    ReportShards(500);
    LearnerReport report;
    report.updates = 300;
    report.samples = 9600;
    Say(kLearner, report);
    ASSERT_TRUE(PlayUntil([&] { return coordinator_.Scores().random_return == 1.0; }));
  }
  CoordinatorState StateOf(const Checkpoint& checkpoint) {
    return CoordinatorState::Decode(checkpoint.files.at("coordinator.state"));
  }
};

TEST_F(CoordinatorCheckpointTest, TakesOneEverySoOftenWithAllPartsAndItsOwnCounts) {
  TrainAWhile();
  ASSERT_TRUE(PlayUntil([&] { return recorder_.checkpoints.size() == 2; }));
  EXPECT_GE(now_, Time(10s));
  const Checkpoint& checkpoint = recorder_.checkpoints.back();
  EXPECT_EQ(checkpoint.facts.updates, 300U);
  EXPECT_EQ(checkpoint.facts.frames, 1000U);
  EXPECT_EQ(checkpoint.files.at("teacher.state"), (std::vector<std::uint8_t>{0, 42}));
  EXPECT_EQ(checkpoint.files.at("student-small.state"), (std::vector<std::uint8_t>{1, 42}));
  const auto state = StateOf(checkpoint);
  EXPECT_EQ(state.updates, 300U);
  EXPECT_EQ(state.samples, 9600U);
  EXPECT_EQ(state.inserted, 1000U);
  EXPECT_EQ(state.frozen_at, Time{});
}

TEST_F(CoordinatorCheckpointTest, TakesOneAtOnceWhenAskedTo) {
  TrainAWhile();
  coordinator_.RequestCheckpoint();
  const Time asked = now_;
  ASSERT_TRUE(PlayUntil([&] { return recorder_.checkpoints.size() == 1; }));
  EXPECT_LT(now_ - asked, Time(1s));
  EXPECT_FALSE(coordinator_.Finished());
}

TEST_F(CoordinatorCheckpointTest, PreemptionIsACheckpointAndThenTheEnd) {
  TrainAWhile();
  coordinator_.Preempt("stopped by SIGUSR1");
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_EQ(recorder_.checkpoints.size(), 1U);
  EXPECT_TRUE(coordinator_.Result().preempted);
  EXPECT_FALSE(coordinator_.Result().failed);
  EXPECT_EQ(coordinator_.Result().reason, "stopped by SIGUSR1");
}

TEST_F(CoordinatorCheckpointTest, PreemptionWithoutACheckpointIsAFailureThatSaysWhy) {
  TrainAWhile();
  recorder_.disk_error = "no space left";
  coordinator_.Preempt("stopped by SIGTERM");
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_TRUE(coordinator_.Result().failed);
  EXPECT_NE(coordinator_.Result().reason.find("no space left"), std::string::npos);
}

TEST_F(CoordinatorCheckpointTest, AFullDiskIsSaidAndTheRunGoesOn) {
  TrainAWhile();
  recorder_.disk_error = "no space left";
  ASSERT_TRUE(PlayUntil([&] { return recorder_.checkpoints.size() == 1; }));
  recorder_.disk_error.clear();
  ASSERT_TRUE(PlayUntil([&] { return recorder_.checkpoints.size() == 2; }));
  EXPECT_NE(recorder_.notes.find("the earlier ones stand: no space left"), std::string::npos);
  EXPECT_FALSE(coordinator_.Result().failed);
}

TEST_F(CoordinatorCheckpointTest, AStoppedStudentHoldsNothingUpForLong) {
  TrainAWhile();
  ASSERT_TRUE(PlayUntil([&] { return recorder_.checkpoints.size() == 1; }));
  answer_checkpoints_ = false;
  coordinator_.Preempt("stopped by SIGUSR1");
  const Time asked = now_;
  // The teacher answers, the student does not; training goes on meanwhile.
  Tick();
  now_ += 5s;
  ReportShards(600);
  ASSERT_TRUE(PlayUntil([&] {
    const auto requests = out_.To<CheckpointRequest>(kLearner);
    if (requests.size() < 2) return false;
    Say(kLearner, CheckpointPart{requests.back().id, 320, 10240, {{0, {9}}}});
    return true;
  }));
  ASSERT_TRUE(PlayUntil([&] { return recorder_.checkpoints.size() == 2; }));
  EXPECT_LT(now_ - asked, Time(12s));
  const Checkpoint& checkpoint = recorder_.checkpoints.back();
  EXPECT_EQ(checkpoint.files.at("student-small.state"), (std::vector<std::uint8_t>{1, 42}));
  EXPECT_GT(checkpoint.facts.reused.at("small"), 4.0);
  EXPECT_EQ(StateOf(checkpoint).inserted, 1200U) << "of the same moment as the teacher's part";
  EXPECT_NE(recorder_.notes.find("student small does not answer"), std::string::npos);
}

TEST_F(CoordinatorCheckpointTest, TheEndIsWrittenToo) {
  TrainAWhile();
  ReportShards(5000);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  ASSERT_FALSE(recorder_.checkpoints.empty());
  EXPECT_EQ(recorder_.checkpoints.back().facts.phase, "final");
  EXPECT_GT(StateOf(recorder_.checkpoints.back()).frozen_at, Time{});
}

/// The run above, resumed: what a checkpoint of it holds, in a new coordinator.
class CoordinatorResumeTest : public CoordinatorCheckpointTest {
 protected:
  explicit CoordinatorResumeTest(Time frozen_at = Time{}, Time tail_spent = Time{})
      : CoordinatorCheckpointTest(Resumed(frozen_at, tail_spent)) {}

  static Coordinator::Settings Resumed(Time frozen_at, Time tail_spent) {
    auto settings = WithCheckpoints();
    NotingRecorder recorder;
    const Coordinator fresh(settings, recorder);
    CoordinatorState state;
    state.updates = 300;
    state.samples = 9600;
    state.frames = state.inserted = 1300;
    state.attempt = 1;
    state.elapsed = 60s;
    state.frozen_at = frozen_at;
    state.tail_spent = tail_spent;
    ScoreKeeper scores(settings.models, 1);
    RoundResult random;
    random.kind = RoundKind::kRandom;
    random.models.resize(1);
    random.models[0].returns = {0.5, 1.5};
    scores.OnRound(random);
    ByteWriter bytes;
    scores.Save(bytes);
    state.scores = bytes.Take();
    settings.resume = ResumePoint{state, {{0, {0, 7}}, {1, {1, 7}}}};
    settings.attempt = 2;
    settings.config.replay.min_size = 100;
    if (frozen_at > Time{}) settings.config.checkpoint.every.value = 0;  // nobody answers there
    return settings;
  }
};

TEST_F(CoordinatorResumeTest, GivesEveryRoleItsPartAndGoesOnCounting) {
  Tick();
  ASSERT_EQ(out_.To<Restore>(kLearner).size(), 1U);
  EXPECT_EQ(out_.To<Restore>(kLearner)[0].models.at(0).bytes, (std::vector<std::uint8_t>{0, 7}));
  ASSERT_EQ(out_.To<Restore>(kStudent).size(), 1U);
  EXPECT_EQ(out_.To<Restore>(kStudent)[0].models.at(0).model, 1U);
  ASSERT_FALSE(recorder_.progress.empty());
  const ProgressRecord& line = recorder_.progress.front();
  EXPECT_EQ(line.attempt, 2U);
  EXPECT_EQ(line.resumed_from_updates, 300U);
  EXPECT_EQ(line.updates, 300U);
  EXPECT_EQ(line.frames, 1300U);
  EXPECT_DOUBLE_EQ(line.elapsed_s, 60.001);
  EXPECT_DOUBLE_EQ(coordinator_.Scores().random_return, 1.0);
  EXPECT_TRUE(out_.To<EvaluationTask>(Shard(0)).empty());
}

TEST_F(CoordinatorResumeTest, LetsTheStoreFillToItsMinimumAgainBeforeAnythingIsSampled) {
  Tick();
  EXPECT_EQ(out_.To<SampleGrant>(kLearner).at(0).allowance, 9600U);
  // 100 items may come whatever the samples say, half for each shard at least.
  EXPECT_GE(out_.To<InsertGrant>(Shard(0)).at(0).allowance, 50U);
  ReportShards(49);
  Tick();
  EXPECT_EQ(out_.To<SampleGrant>(kLearner).size(), 1U);
  ReportShards(50);
  Tick();
  // s (I - m) + tolerance = 8 (1 400 - 100) + 80
  EXPECT_EQ(out_.To<SampleGrant>(kLearner).back().allowance, 10480U);
}

class CoordinatorResumeInTailTest : public CoordinatorResumeTest {
 protected:
  CoordinatorResumeInTailTest() : CoordinatorResumeTest(50s, 10s) {}
};

TEST_F(CoordinatorResumeInTailTest, FillsTheStoreBeforeStudentsGoOnWithTheFrozenTeacher) {
  Tick();
  Say(kLearner, Frozen{{{0, 9, 300, {1.0F}}}});
  Tick();
  EXPECT_EQ(coordinator_.Phase(), RunPhase::kTrain);
  now_ += 30s;
  ReportShards(49);
  Tick();
  EXPECT_EQ(coordinator_.Phase(), RunPhase::kTrain);
  ReportShards(51);
  Tick();
  ASSERT_EQ(coordinator_.Phase(), RunPhase::kTail);
  // distill_tail 0.5 of 50 s, of which 10 s were spent: filling does not count.
  now_ += 14s;
  Tick();
  EXPECT_TRUE(out_.To<Freeze>(kStudent).empty());
  now_ += 2s;
  ASSERT_TRUE(PlayUntil([&] { return !out_.To<Freeze>(kStudent).empty(); }));
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_FALSE(coordinator_.Result().failed);
}

}  // namespace
}  // namespace stillhouse
