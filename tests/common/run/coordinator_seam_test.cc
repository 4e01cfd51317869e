// A deterministic run ends at its checkpoints, and what goes on from them goes on with its plans.

#include "common/run/coordinator.h"
#include "tests/common/run/coordinator_fixture.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;

Coordinator::Settings WithSeams(Duration every = {5, Duration::Unit::kSeconds}) {
  auto settings = SmallJob();
  settings.config.checkpoint.every = every;
  settings.config.evaluation.every = {3, Duration::Unit::kSeconds};
  settings.config.stop.frames = 5000;
  settings.seams = true;
  settings.attempt = 3;
  return settings;
}

class CoordinatorSeamTest : public CoordinatorTest {
 protected:
  explicit CoordinatorSeamTest(Coordinator::Settings settings = WithSeams())
      : CoordinatorTest(std::move(settings)) {}

  void Learn(std::uint64_t updates) {
    LearnerReport report;
    report.updates = updates;
    report.samples = updates * 32;
    Say(kLearner, report);
  }
  CoordinatorState State() {
    return CoordinatorState::Decode(recorder_.checkpoints.back().files.at("coordinator.state"));
  }
};

TEST_F(CoordinatorSeamTest, ARunEndsAtItsCheckpointToGoOnFromIt) {
  ReportShards(500);
  Learn(300);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_GE(now_, Time(5s));
  EXPECT_TRUE(coordinator_.Result().seam);
  EXPECT_FALSE(coordinator_.Result().failed);
  EXPECT_EQ(recorder_.checkpoints.size(), 1U);
  EXPECT_TRUE(out_.To<Leave>(kLearner).empty()) << "nobody is told to leave: it is not the end";
  EXPECT_EQ(State().attempt, 1U) << "the same bytes for every attempt";
  EXPECT_EQ(State().last_checkpoint, 5);
  EXPECT_EQ(State().last_evaluation, 3);
}

TEST_F(CoordinatorSeamTest, ACheckpointThatIsNotWrittenEndsTheRun) {
  recorder_.disk_error = "no space left";
  ReportShards(500);
  Learn(300);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_TRUE(coordinator_.Result().failed);
  EXPECT_FALSE(coordinator_.Result().seam);
  EXPECT_NE(coordinator_.Result().reason.find("no space left"), std::string::npos);
}

TEST_F(CoordinatorSeamTest, ACheckpointWaitsForTheRoundUnderWay) {
  ReportShards(500);
  Learn(300);
  ASSERT_TRUE(PlayUntil([&] { return now_ > Time(2500ms); }));
  now_ = 3s;
  Tick();  // the round is due
  now_ += 100ms;
  Tick();  // it begins, and nobody answers
  ASSERT_FALSE(out_.To<PinRequest>(kLearner).empty());
  for (now_ = 5s; now_ < Time(5500ms); now_ += 100ms) Tick();
  EXPECT_TRUE(out_.To<CheckpointRequest>(kStudent).empty());
  for (std::size_t i = 0; i < out_.envelopes.size(); ++i) {
    if (out_.envelopes[i].kind == MessageKind::kPinRequest) Answer(out_.envelopes[i]);
  }
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_EQ(recorder_.boards.size(), 1U) << "it came to its end before the seam";
}

class CoordinatorBusySeamTest : public CoordinatorSeamTest {
 protected:
  CoordinatorBusySeamTest() : CoordinatorSeamTest(WithSeams({3, Duration::Unit::kSeconds})) {}
};

TEST_F(CoordinatorBusySeamTest, ARoundThatIsDueAtTheSeamWaitsForItsOtherSide) {
  ReportShards(500);
  Learn(300);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_TRUE(recorder_.boards.empty()) << "evaluation and checkpoint are both due at 3 s";
  EXPECT_EQ(State().last_checkpoint, 3);
  EXPECT_EQ(State().last_evaluation, 0) << "still due";
}

/// The other side of the seam above.
class CoordinatorAfterSeamTest : public CoordinatorSeamTest {
 protected:
  CoordinatorAfterSeamTest() : CoordinatorSeamTest(Resumed()) {}
  static Coordinator::Settings Resumed() {
    auto settings = WithSeams({100, Duration::Unit::kUpdates});
    CoordinatorState state;
    state.updates = 300;
    state.samples = 9600;
    state.frames = state.inserted = 1000;
    state.elapsed = 3100ms;
    state.last_checkpoint = 100;  // the next one is due at once
    state.last_evaluation = 0;
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
    settings.at_seam = true;
    return settings;
  }
};

TEST_F(CoordinatorAfterSeamTest, TheRoundThatWaitedBeginsAndNobodyIsToldOfAResume) {
  ReportShards(0);
  Tick();
  EXPECT_TRUE(recorder_.progress.empty());
  EXPECT_EQ(recorder_.notes.find("resumed"), std::string::npos);
  ASSERT_TRUE(PlayUntil([&] { return !recorder_.boards.empty(); }));
}

TEST_F(CoordinatorAfterSeamTest, NoCheckpointIsTakenBeforeAnythingNewIsThere) {
  ReportShards(0);
  EXPECT_FALSE(PlayUntil([&] { return !recorder_.checkpoints.empty(); }));
  Learn(301);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_TRUE(coordinator_.Result().seam);
}

TEST(CoordinatorStateTest, AStateOfAnotherFormatIsRefusedWithBothNamed) {
  CoordinatorState state;
  state.last_evaluation = 3;
  std::vector<std::uint8_t> bytes = state.Encode();
  EXPECT_EQ(CoordinatorState::Decode(bytes).last_evaluation, 3);
  bytes[4] = 1;
  try {
    CoordinatorState::Decode(bytes);
    ADD_FAILURE() << "it is accepted";
  } catch (const WireError& error) {
    EXPECT_NE(std::string(error.what()).find("format version 1, this program reads 4"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace stillhouse
