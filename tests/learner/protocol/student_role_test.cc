#include "learner/protocol/student_role.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/captured_outbox.h"

namespace stillhouse::learner {
namespace {

using namespace std::chrono_literals;
using testing_support::CapturedOutbox;
using testing_support::From;

constexpr RoleAddress kLearner{RoleKind::kLearner, 0};
constexpr RoleAddress kHost{RoleKind::kStudentHost, 0};

/// Keeps jobs until the test has them done.
class HeldPort final : public StudentPort {
 public:
  void Submit(StudentJob job) override { jobs.push_back(std::move(job)); }
  StudentOutcome DoFirst() {
    StudentOutcome outcome;
    outcome.job = std::move(jobs.front());
    jobs.erase(jobs.begin());
    if (outcome.job.kind == StudentJob::Kind::kUpdate) {
      outcome.steps.assign(1, {0.5, 0.75});
    } else {
      outcome.parameters.assign(1, {1.0F, 2.0F});
    }
    return outcome;
  }
  std::vector<StudentJob> jobs;
};

LabelledBatch BatchNumber(std::uint64_t sequence) {
  LabelledBatch batch;
  batch.sequence = sequence;
  batch.teacher_updates = sequence * 10;
  batch.batch = batch.rows = 1;
  batch.num_actions = 2;
  batch.weights = {1.0F};
  batch.labels = {0.0F, 1.0F};
  batch.observations = {7};
  return batch;
}

class StudentRoleTest : public ::testing::Test {
 protected:
  StudentRoleTest() : role_({0, {1}, 2, 2, 1}, port_) {}

  void Start() {
    role_.Tick(0s, out_);
    role_.OnDone(port_.DoFirst(), 0s, out_);  // the first publication
  }
  void Deliver(std::uint64_t sequence) {
    role_.Handle(From(kLearner, kHost, BatchNumber(sequence)), 0s, out_);
  }

  HeldPort port_;
  StudentRole role_;
  CapturedOutbox out_;
};

TEST_F(StudentRoleTest, OpensItsCreditWindowAndPublishesFirstWeightsAtTheStart) {
  Start();
  const auto credits = out_.To<Credit>(kLearner);
  ASSERT_EQ(credits.size(), 1U);
  EXPECT_EQ(credits[0].credits, kCreditWindow);
  for (std::uint16_t shard = 0; shard < 2; ++shard) {
    const auto published = out_.To<WeightsPublish>({RoleKind::kShard, shard});
    ASSERT_EQ(published.size(), 1U);
    EXPECT_EQ(published[0].model, 1);
    EXPECT_EQ(published[0].version, 1U);
    EXPECT_EQ(published[0].parameters, (std::vector<float>{1.0F, 2.0F}));
  }
}

TEST_F(StudentRoleTest, ReturnsACreditOnlyWhenABatchHasBeenLearntFrom) {
  Start();
  out_.Clear();
  Deliver(1);
  EXPECT_TRUE(out_.To<Credit>(kLearner).empty());
  role_.OnDone(port_.DoFirst(), 0s, out_);
  const auto credits = out_.To<Credit>(kLearner);
  ASSERT_EQ(credits.size(), 1U);
  EXPECT_EQ(credits[0].credits, 1U);
  EXPECT_EQ(credits[0].consumed_sequence, 1U);
  EXPECT_EQ(credits[0].consumed_teacher_updates, 10U);
  EXPECT_EQ(role_.Updates(), 1U);
}

TEST_F(StudentRoleTest, ReturnsCreditsTogetherWhileItIsBusy) {
  Start();
  out_.Clear();
  for (std::uint64_t n = 1; n <= 12; ++n) Deliver(n);
  for (std::uint64_t n = 1; n < kCreditWindow / 4; ++n) {
    role_.OnDone(port_.DoFirst(), 1ms, out_);
    EXPECT_TRUE(out_.To<Credit>(kLearner).empty());
  }
  role_.OnDone(port_.DoFirst(), 1ms, out_);
  auto credits = out_.To<Credit>(kLearner);
  ASSERT_EQ(credits.size(), 1U);
  EXPECT_EQ(credits[0].credits, kCreditWindow / 4);
  EXPECT_EQ(credits[0].consumed_sequence, kCreditWindow / 4);
  role_.OnDone(port_.DoFirst(), 20ms, out_);
  credits = out_.To<Credit>(kLearner);
  ASSERT_EQ(credits.size(), 2U) << "a slow host says after each batch that it lives";
  EXPECT_EQ(credits[1].credits, 1U);
}

TEST_F(StudentRoleTest, KeepsSomeJobsUnderWayAndTheRestInOrder) {
  Start();
  for (std::uint64_t n = 1; n <= 6; ++n) Deliver(n);
  ASSERT_EQ(port_.jobs.size(), 4U);
  role_.OnDone(port_.DoFirst(), 0s, out_);
  ASSERT_EQ(port_.jobs.size(), 4U);
  EXPECT_EQ(port_.jobs[0].batch.sequence, 2U);
  EXPECT_EQ(port_.jobs[1].batch.sequence, 3U);
}

TEST_F(StudentRoleTest, AnswersAPinRequestWithThePinnedVersion) {
  Start();
  out_.Clear();
  role_.Handle(From(kCoordinatorAddress, kHost, PinRequest{9}), 0s, out_);
  role_.OnDone(port_.DoFirst(), 0s, out_);
  const auto pinned = out_.To<Pinned>(kCoordinatorAddress);
  ASSERT_EQ(pinned.size(), 1U);
  EXPECT_EQ(pinned[0].round, 9U);
  ASSERT_EQ(pinned[0].models.size(), 1U);
  EXPECT_EQ(pinned[0].models[0], (ModelVersion{1, 2, 0}));
  EXPECT_EQ(out_.To<WeightsPublish>({RoleKind::kShard, 1}).front().pin, 9U);
}

TEST_F(StudentRoleTest, FreezeFinishesWhatIsUnderWayAndHandsOverTheLastParameters) {
  Start();
  for (std::uint64_t n = 1; n <= 6; ++n) Deliver(n);
  role_.Handle(From(kCoordinatorAddress, kHost, Freeze{}), 0s, out_);
  role_.Tick(1s, out_);
  EXPECT_TRUE(out_.To<Frozen>(kCoordinatorAddress).empty());
  while (!port_.jobs.empty()) {
    role_.OnDone(port_.DoFirst(), 1s, out_);
    role_.Tick(1s, out_);
  }
  EXPECT_EQ(role_.Updates(), 4U) << "what was under way, not what waited";
  const auto frozen = out_.To<Frozen>(kCoordinatorAddress);
  ASSERT_EQ(frozen.size(), 1U);
  ASSERT_EQ(frozen[0].models.size(), 1U);
  EXPECT_EQ(frozen[0].models[0].updates, 4U);
  EXPECT_EQ(frozen[0].models[0].parameters, (std::vector<float>{1.0F, 2.0F}));
}

TEST_F(StudentRoleTest, AFailingComputeIsReportedAndNothingMoreIsSubmitted) {
  Start();
  Deliver(1);
  auto outcome = port_.DoFirst();
  outcome.error = "loss is not finite";
  role_.OnDone(std::move(outcome), 0s, out_);
  ASSERT_EQ(out_.To<Failure>(kCoordinatorAddress).size(), 1U);
  EXPECT_NE(out_.To<Failure>(kCoordinatorAddress)[0].reason.find("not finite"), std::string::npos);
  Deliver(2);
  EXPECT_TRUE(port_.jobs.empty());
}

/// Two students: one of labels at most 15 updates old, one of the average, of any age.
class StudentRoleAgeTest : public ::testing::Test {
 protected:
  explicit StudentRoleAgeTest(StudentRole::Settings settings = Settings())
      : role_(std::move(settings), port_) {
    role_.Tick(0s, out_);
  }
  static StudentRole::Settings Settings() {
    StudentRole::Settings settings;
    settings.models = {1, 3};
    settings.shards = 2;
    settings.needs = {{true, LabelChoice::kCurrent, 15}, {true, LabelChoice::kAverage, 0}};
    return settings;
  }
  void Deliver(std::uint64_t teacher_updates) {
    LabelledBatch batch = BatchNumber(++sequence_);
    batch.teacher_updates = teacher_updates;
    batch.others = {{LabelChoice::kAverage, teacher_updates - 10, batch.labels}};
    role_.Handle(From(kLearner, kHost, batch), 0s, out_);
  }
  void Status(std::uint64_t updates, std::vector<float> retention = {}) {
    const RunStatus status{RunPhase::kTrain, 0, updates, {}, std::move(retention)};
    role_.Handle(From(kCoordinatorAddress, kHost, status), 0s, out_);
  }
  StudentReport LastReport() {
    role_.Tick(now_ += 1s, out_);
    return out_.To<StudentReport>(kCoordinatorAddress).back();
  }

  HeldPort port_;
  CapturedOutbox out_;
  StudentRole role_;
  std::uint64_t sequence_ = 0;
  Time now_{};
};

TEST_F(StudentRoleAgeTest, LabelsThatAreTooOldAreLeftOutByWhoMindsAndReported) {
  port_.jobs.clear();
  Deliver(100);
  EXPECT_EQ(port_.jobs.at(0).turn.skip, (std::vector<std::uint8_t>{0, 0}));
  EXPECT_EQ(port_.jobs.at(0).turn.label_age, (std::vector<std::uint64_t>{0, 10}));
  Status(120);  // the teacher has gone on
  Deliver(101);
  EXPECT_EQ(port_.jobs.at(1).turn.skip, (std::vector<std::uint8_t>{1, 0}));
  EXPECT_EQ(port_.jobs.at(1).turn.label_age, (std::vector<std::uint64_t>{19, 29}));
  for (const bool skipped : {false, true}) {
    auto outcome = port_.DoFirst();
    outcome.steps = {{0.5, 0.75, skipped}, {0.5, 0.75, false}};
    role_.OnDone(std::move(outcome), 0s, out_);
  }
  const auto report = LastReport();
  EXPECT_EQ(report.students[0].updates, 1U);
  EXPECT_EQ(report.students[0].stale, 1U);
  EXPECT_EQ(report.students[0].label_age_max, 0U);
  EXPECT_EQ(report.students[1].updates, 2U);
  EXPECT_EQ(report.students[1].stale, 0U);
  EXPECT_EQ(report.students[1].label_age_max, 29U);
  EXPECT_DOUBLE_EQ(report.students[1].label_age, 19.5);
  std::uint32_t returned = 0;
  for (const auto& credit : out_.To<Credit>(kLearner)) returned += credit.credits;
  EXPECT_EQ(returned, kCreditWindow + 2) << "a batch left out is a batch done with";
}

TEST_F(StudentRoleAgeTest, ChangesAreAskedForNowAndThenAndReportedOnce) {
  port_.jobs.clear();
  Deliver(100);
  EXPECT_TRUE(port_.jobs.at(0).turn.measure);
  Deliver(101);
  EXPECT_FALSE(port_.jobs.at(1).turn.measure);
  auto outcome = port_.DoFirst();
  outcome.steps = {{0.5, 0.75}, {0.5, 0.75}};
  outcome.steps[1].changes = {{"0"}, {0.5F}, {{"teacher", {1}, {0.25F}}}};
  role_.OnDone(std::move(outcome), 0s, out_);
  auto report = LastReport();
  EXPECT_TRUE(report.students[0].changes.Empty());
  EXPECT_EQ(report.students[1].changes.parts.at(0).name, "teacher");
  EXPECT_TRUE(LastReport().students[1].changes.Empty());
}

TEST_F(StudentRoleAgeTest, AWaitingStudentHasNoUpdateAndNoStaleBatch) {
  port_.jobs.clear();
  Deliver(100);
  auto outcome = port_.DoFirst();
  outcome.steps = {{.waited = true}, {0.5, 0.75}};
  role_.OnDone(std::move(outcome), 0s, out_);
  const auto report = LastReport();
  EXPECT_EQ(report.students[0].updates, 0U);
  EXPECT_EQ(report.students[0].stale, 0U);
  EXPECT_EQ(report.students[1].updates, 1U);
}

/// Three students whose host keeps a copy of the teacher: one labels anew what is too old, one
/// everything, one nothing.
class StudentRoleCopyTest : public StudentRoleAgeTest {
 protected:
  StudentRoleCopyTest() : StudentRoleAgeTest(CopySettings()) { port_.jobs.clear(); }
  static StudentRole::Settings CopySettings() {
    StudentRole::Settings settings;
    settings.models = {1, 2, 3};
    settings.needs = {
        {true, LabelChoice::kAverage, 15, StaleLabels::kRelabel},
        {true, LabelChoice::kCurrent, 0, StaleLabels::kDrop, LabelPlace::kLocal},
        {true, LabelChoice::kCurrent, 0},
    };
    return settings;
  }
  void Publish(std::uint64_t updates) {
    role_.Handle(From(kLearner, kHost, WeightsPublish{0, 1, 0, {1.0F}, updates}), 0s, out_);
  }
  /// The turn of a batch that is delivered now and done at once.
  StudentTurn TurnOfNext(std::uint64_t teacher_updates) {
    Deliver(teacher_updates);
    auto outcome = port_.DoFirst();
    const StudentTurn turn = outcome.job.turn;
    outcome.steps.clear();
    for (const std::uint8_t skip : turn.skip) outcome.steps.push_back({0.5, 0.75, skip != 0});
    role_.OnDone(std::move(outcome), 0s, out_);
    return turn;
  }
  using Flags = std::vector<std::uint8_t>;
  using Ages = std::vector<std::uint64_t>;
};

TEST_F(StudentRoleCopyTest, WithoutACopyYetWhoeverNeedsItWaits) {
  const auto fresh = TurnOfNext(10);  // of the average: ten older
  EXPECT_EQ(fresh.skip, (Flags{0, 1, 0}));
  Status(16);
  EXPECT_EQ(TurnOfNext(10).skip, (Flags{1, 1, 0}));
}

TEST_F(StudentRoleCopyTest, StaleLabelsAreMadeAnewAndTheirAgeIsTheCopys) {
  Publish(100);
  ASSERT_EQ(port_.jobs.size(), 1U);
  EXPECT_EQ(port_.jobs[0].kind, StudentJob::Kind::kTeacher);
  EXPECT_EQ(port_.jobs[0].teacher, std::vector<float>{1.0F});
  role_.OnDone(port_.DoFirst(), 0s, out_);
  const auto fresh = TurnOfNext(105);
  EXPECT_EQ(fresh.relabel, (Flags{0, 1, 0}));
  EXPECT_EQ(fresh.label_age, (Ages{10, 5, 0}));
  Status(112);
  const auto stale = TurnOfNext(106);  // 112 - (106 - 10) = 16 > 15
  EXPECT_EQ(stale.relabel, (Flags{1, 1, 0}));
  EXPECT_EQ(stale.skip, (Flags{0, 0, 0}));
  EXPECT_EQ(stale.label_age, (Ages{12, 12, 6}));
  Status(120);  // the copy is too old itself
  EXPECT_EQ(TurnOfNext(106).skip, (Flags{1, 0, 0}));
  const auto report = LastReport();
  EXPECT_EQ(report.students[0].updates, 2U);
  EXPECT_EQ(report.students[0].stale, 1U);
  EXPECT_EQ(report.students[0].relabelled, 1U);
  EXPECT_EQ(report.students[0].label_age_max, 12U);
  EXPECT_EQ(report.students[1].relabelled, 3U);
  EXPECT_EQ(report.students[2].relabelled, 0U);
}

TEST_F(StudentRoleCopyTest, OnlyTheTeachersParametersAreTaken) {
  EXPECT_THROW(role_.Handle(From(kLearner, kHost, WeightsPublish{2, 1, 0, {1.0F}, 5}), 0s, out_),
               WireError);
}

TEST_F(StudentRoleAgeTest, ReturnsAreHandedToTheModelsThatTheyAreOf) {
  port_.jobs.clear();
  Status(1, {1, 0.25F, 0.5F, 0.75F});
  Deliver(20);
  EXPECT_EQ(port_.jobs.at(0).turn.retention, (std::vector<float>{0.25F, 0.75F}));
}

}  // namespace
}  // namespace stillhouse::learner
