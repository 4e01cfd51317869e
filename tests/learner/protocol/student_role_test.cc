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

TEST_F(StudentRoleTest, KeepsTwoJobsUnderWayAndTheRestInOrder) {
  Start();
  for (std::uint64_t n = 1; n <= 4; ++n) Deliver(n);
  ASSERT_EQ(port_.jobs.size(), 2U);
  role_.OnDone(port_.DoFirst(), 0s, out_);
  ASSERT_EQ(port_.jobs.size(), 2U);
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
  for (std::uint64_t n = 1; n <= 4; ++n) Deliver(n);
  role_.Handle(From(kCoordinatorAddress, kHost, Freeze{}), 0s, out_);
  role_.Tick(1s, out_);
  EXPECT_TRUE(out_.To<Frozen>(kCoordinatorAddress).empty());
  while (!port_.jobs.empty()) {
    role_.OnDone(port_.DoFirst(), 1s, out_);
    role_.Tick(1s, out_);
  }
  EXPECT_EQ(role_.Updates(), 2U);
  const auto frozen = out_.To<Frozen>(kCoordinatorAddress);
  ASSERT_EQ(frozen.size(), 1U);
  ASSERT_EQ(frozen[0].models.size(), 1U);
  EXPECT_EQ(frozen[0].models[0].updates, 2U);
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

}  // namespace
}  // namespace stillhouse::learner
