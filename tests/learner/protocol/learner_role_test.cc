#include "learner/protocol/learner_role.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/captured_outbox.h"

namespace stillhouse::learner {
namespace {

using namespace std::chrono_literals;
using testing_support::CapturedOutbox;
using testing_support::From;

constexpr RoleAddress kLearner{RoleKind::kLearner, 0};
constexpr RoleAddress kStudent{RoleKind::kStudentHost, 0};
constexpr RoleAddress Shard(std::uint16_t index) { return {RoleKind::kShard, index}; }
constexpr std::int32_t kBatch = 4;

/// Keeps jobs until the test has them done.
class HeldPort final : public TeacherPort {
 public:
  void Submit(TeacherJob job) override { jobs.push_back(std::move(job)); }
  TeacherOutcome DoFirst() {
    TeacherOutcome outcome;
    outcome.job = std::move(jobs.front());
    jobs.erase(jobs.begin());
    const std::size_t rows = outcome.job.batch.Size();
    switch (outcome.job.kind) {
      case TeacherJob::Kind::kUpdate:
        outcome.step.td_errors.assign(rows, 2.0F);
        [[fallthrough]];
      case TeacherJob::Kind::kLabel:
        outcome.step.labels.assign(rows * 2, 1.0F);
        break;
      default:
        outcome.parameters = {1.0F, 2.0F};
    }
    return outcome;
  }
  std::size_t Count(TeacherJob::Kind kind) const {
    std::size_t count = 0;
    for (const auto& job : jobs) count += job.kind == kind ? 1 : 0;
    return count;
  }
  std::vector<TeacherJob> jobs;
};

LearnerRole::Settings SmallSettings() {
  LearnerRole::Settings settings;
  settings.shards = 2;
  settings.student_hosts = 1;
  settings.num_actions = 2;
  settings.teacher.batch_size = kBatch;
  settings.teacher.publish_every = 3;
  settings.teacher.prefetch = 2;
  return settings;
}

class LearnerRoleTest : public ::testing::Test {
 protected:
  explicit LearnerRoleTest(const LearnerRole::Settings& settings = SmallSettings())
      : role_(settings, port_) {}

  template <typename Body>
  void Say(RoleAddress from, const Body& body) {
    role_.Handle(From(from, kLearner, body), now_, out_);
  }
  void DoFirst() { role_.OnDone(port_.DoFirst(), now_, out_); }
  void Start(std::uint64_t allowance) {
    role_.Tick(now_, out_);
    DoFirst();  // version 1
    Say(kCoordinatorAddress, SampleGrant{allowance});
    AnswerRequests();
  }
  /// Both shards hold plenty and answer every request that is open.
  void AnswerRequests() {
    for (std::size_t i = answered_; i < out_.envelopes.size(); ++i) {
      const Envelope envelope = out_.envelopes[i];
      if (envelope.kind != MessageKind::kSampleRequest) continue;
      const auto request = DecodeBody<SampleRequest>(envelope);
      SampleReply reply;
      reply.request = request.request;
      reply.totals = {10.0, 1.0, 10, 10};
      for (std::size_t row = 0; row < request.offsets.size(); ++row) {
        reply.handles.push_back(row);
        reply.priorities.push_back(1.0);
        reply.actions.push_back(0);
        reply.rewards.push_back(0);
        reply.discounts.push_back(0.9F);
        reply.observations.push_back(1);
        reply.next_observations.push_back(2);
      }
      Say(envelope.to, reply);
    }
    answered_ = out_.envelopes.size();
  }
  std::uint64_t RowsRequested() const {
    std::uint64_t rows = 0;
    for (std::uint16_t shard = 0; shard < 2; ++shard) {
      for (const auto& request : out_.To<SampleRequest>(Shard(shard))) {
        rows += request.offsets.size();
      }
    }
    return rows;
  }

  HeldPort port_;
  LearnerRole role_;
  CapturedOutbox out_;
  Time now_ = 1ms;
  std::size_t answered_ = 0;
};

TEST_F(LearnerRoleTest, PublishesFirstWeightsToEveryShardBeforeAnyUpdate) {
  role_.Tick(now_, out_);
  DoFirst();
  for (std::uint16_t shard = 0; shard < 2; ++shard) {
    const auto published = out_.To<WeightsPublish>(Shard(shard));
    ASSERT_EQ(published.size(), 1U);
    EXPECT_EQ(published[0].version, 1U);
  }
}

TEST_F(LearnerRoleTest, RequestsNoRowBeyondTheGrant) {
  Start(3 * kBatch);
  for (int i = 0; i < 20; ++i) {
    AnswerRequests();
    if (!port_.jobs.empty()) DoFirst();
  }
  EXPECT_EQ(RowsRequested(), 3U * kBatch);
  EXPECT_EQ(role_.Samples(), 3U * kBatch);
  EXPECT_EQ(role_.Updates(), 3U);
}

TEST_F(LearnerRoleTest, SendsPrioritiesBackToTheShardsThatGaveTheRows) {
  Start(kBatch);
  AnswerRequests();
  ASSERT_EQ(port_.Count(TeacherJob::Kind::kUpdate), 1U);
  DoFirst();
  std::size_t returned = 0;
  for (std::uint16_t shard = 0; shard < 2; ++shard) {
    for (const auto& update : out_.To<PriorityUpdate>(Shard(shard))) {
      returned += update.handles.size();
      for (const auto td_error : update.td_errors) EXPECT_EQ(td_error, 2.0F);
    }
  }
  EXPECT_EQ(returned, static_cast<std::size_t>(kBatch));
}

class UniformReplayTest : public LearnerRoleTest {
 protected:
  UniformReplayTest() : LearnerRoleTest(Uniform()) {}
  static LearnerRole::Settings Uniform() {
    LearnerRole::Settings settings = SmallSettings();
    settings.replay.alpha = 0;
    return settings;
  }
};

TEST_F(UniformReplayTest, NoPrioritiesTravel) {
  Start(kBatch);
  AnswerRequests();
  ASSERT_EQ(port_.Count(TeacherJob::Kind::kUpdate), 1U);
  DoFirst();
  EXPECT_EQ(role_.Updates(), 1U);
  for (std::uint16_t shard = 0; shard < 2; ++shard) {
    EXPECT_TRUE(out_.To<PriorityUpdate>(Shard(shard)).empty());
  }
}

TEST_F(LearnerRoleTest, AVersionFollowsExactlyItsNumberOfUpdates) {
  Start(100 * kBatch);
  for (int i = 0; i < 40 && role_.Updates() < 7; ++i) {
    AnswerRequests();
    if (!port_.jobs.empty()) DoFirst();
  }
  // Versions: 1 at the start, then one after every third update.
  const auto published = out_.To<WeightsPublish>(Shard(0));
  EXPECT_EQ(published.size(), 1 + role_.Updates() / 3);
}

TEST_F(LearnerRoleTest, AStudentWithoutCreditNeverDelaysTheTeacher) {
  Start(100 * kBatch);
  Say(kStudent, Credit{2, 0, 0});
  for (int i = 0; i < 60 && role_.Updates() < 10; ++i) {
    AnswerRequests();
    if (!port_.jobs.empty()) DoFirst();
  }
  EXPECT_EQ(role_.Updates(), 10U);
  EXPECT_EQ(out_.To<LabelledBatch>(kStudent).size(), 2U);
  now_ += 1s;
  role_.Tick(now_, out_);
  EXPECT_EQ(out_.To<LearnerReport>(kCoordinatorAddress).back().dropped.at(0), 8U);
}

TEST_F(LearnerRoleTest, AfterFreezeItLabelsForTheTailWithoutCountingSamples) {
  Start(2 * kBatch);
  Say(kStudent, Credit{5, 0, 0});
  for (int i = 0; i < 20; ++i) {
    AnswerRequests();
    if (!port_.jobs.empty()) DoFirst();
  }
  const std::uint64_t updates = role_.Updates();
  const std::uint64_t samples = role_.Samples();
  Say(kCoordinatorAddress, Freeze{});
  const auto play = [this] {
    for (int i = 0; i < 20; ++i) {
      AnswerRequests();
      if (!port_.jobs.empty()) DoFirst();
    }
  };
  play();
  EXPECT_EQ(out_.To<Frozen>(kCoordinatorAddress).size(), 1U);
  EXPECT_EQ(port_.Count(TeacherJob::Kind::kLabel), 0U) << "before the coordinator says so";
  Say(kCoordinatorAddress, RunStatus{RunPhase::kTail, 0, 0});
  play();
  EXPECT_EQ(role_.Updates(), updates);
  EXPECT_EQ(role_.Samples(), samples);
  const auto batches = out_.To<LabelledBatch>(kStudent);
  ASSERT_EQ(batches.size(), 5U);
  EXPECT_TRUE(batches.back().frozen);
  Say(kCoordinatorAddress, RunStatus{RunPhase::kFinal, 0, 0});
  Say(kStudent, Credit{5, 0, 0});
  EXPECT_EQ(port_.Count(TeacherJob::Kind::kLabel), 0U);
}

TEST_F(LearnerRoleTest, AFailingComputeIsReportedAndStopsTheUpdates) {
  Start(100 * kBatch);
  AnswerRequests();
  auto outcome = port_.DoFirst();
  outcome.error = "loss is not finite";
  role_.OnDone(std::move(outcome), now_, out_);
  EXPECT_EQ(out_.To<Failure>(kCoordinatorAddress).size(), 1U);
  const std::size_t jobs = port_.jobs.size();
  AnswerRequests();
  EXPECT_EQ(port_.jobs.size(), jobs);
}

ModelState TinyState() {
  return {NetworkSpec::Create({{.kind = LayerKind::kQHead}}, {ElementKind::kFloats, {1}}, 2),
          0,
          5,
          {1, 2, 3, 4},
          {},
          {},
          {},
          {},
          {}};
}

TEST_F(LearnerRoleTest, HandsOutItsPartWithTheRowsThatItsUpdatesConsumed) {
  Start(8 * kBatch);
  for (int i = 0; i < 20; ++i) {
    AnswerRequests();
    if (!port_.jobs.empty()) DoFirst();
  }
  ASSERT_GT(role_.Updates(), 0U);
  Say(kCoordinatorAddress, CheckpointRequest{3});
  while (port_.jobs.front().kind != TeacherJob::Kind::kSave) DoFirst();
  TeacherOutcome saved;
  saved.job = std::move(port_.jobs.front());
  port_.jobs.erase(port_.jobs.begin());
  saved.state = TeacherState{7, 0.5, TinyState()};
  role_.OnDone(std::move(saved), 0s, out_);
  const auto parts = out_.To<CheckpointPart>(kCoordinatorAddress);
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].id, 3U);
  EXPECT_EQ(parts[0].updates, role_.Updates());
  EXPECT_EQ(parts[0].samples, role_.Updates() * kBatch);
  const auto state = LearnerState::Decode(parts[0].models.at(0).bytes);
  EXPECT_EQ(state.updates, role_.Updates());
  EXPECT_FALSE(state.frozen);
  EXPECT_EQ(state.teacher.model.parameters, (std::vector<float>{1, 2, 3, 4}));
}

TEST(LearnerRoleResumeTest, WaitsForItsRestoreAndThenGoesOnCounting) {
  auto settings = SmallSettings();
  settings.resuming = true;
  HeldPort port;
  LearnerRole role(settings, port);
  CapturedOutbox out;
  role.Tick(0s, out);
  EXPECT_TRUE(port.jobs.empty());
  EXPECT_TRUE(out.envelopes.empty());
  const LearnerState state{50, 200, 9, 0, false, 1, 2, 3, Rng(3).Save(), {50, 0.25, TinyState()}};
  role.Handle(From(kCoordinatorAddress, kLearner, Restore{{{0, state.Encode()}}}), 0s, out);
  ASSERT_EQ(port.jobs.size(), 1U);
  EXPECT_EQ(port.jobs[0].kind, TeacherJob::Kind::kLoad);
  EXPECT_EQ(port.jobs[0].state->updates, 50);
  role.OnDone(port.DoFirst(), 0s, out);
  role.Tick(1s, out);
  EXPECT_EQ(role.Updates(), 50U);
  EXPECT_EQ(role.Samples(), 200U);
  ASSERT_EQ(port.Count(TeacherJob::Kind::kParameters), 1U);
  role.OnDone(port.DoFirst(), 1s, out);
  EXPECT_EQ(out.To<WeightsPublish>(Shard(0)).at(0).version, 10U);
  EXPECT_THROW(
      role.Handle(From(kCoordinatorAddress, kLearner, Restore{{{0, state.Encode()}}}), 1s, out),
      WireError);
}

TEST(LearnerRoleResumeTest, AFrozenTeacherSaysSoAgainWithItsFinalParameters) {
  auto settings = SmallSettings();
  settings.resuming = true;
  HeldPort port;
  LearnerRole role(settings, port);
  CapturedOutbox out;
  const LearnerState state{50, 200, 9, 0, true, 1, 2, 3, Rng(3).Save(), {50, 0.25, TinyState()}};
  role.Handle(From(kCoordinatorAddress, kLearner, Restore{{{0, state.Encode()}}}), 0s, out);
  ASSERT_EQ(port.jobs.size(), 2U);
  EXPECT_EQ(port.jobs[1].kind, TeacherJob::Kind::kFreeze);
  EXPECT_EQ(port.jobs[1].final, FinalTeacher::kLast) << "they are the final ones already";
  while (!port.jobs.empty()) role.OnDone(port.DoFirst(), 0s, out);
  ASSERT_EQ(out.To<Frozen>(kCoordinatorAddress).size(), 1U);
  EXPECT_EQ(out.To<Frozen>(kCoordinatorAddress)[0].models.at(0).updates, 50U);
}

TEST_F(LearnerRoleTest, DrawsThatDieWithAShardAreMadeAgainAndCountedOnce) {
  role_.Tick(now_, out_);
  DoFirst();
  Say(kCoordinatorAddress, SampleGrant{2 * kBatch});
  for (std::uint16_t shard = 0; shard < 2; ++shard) {
    Say(Shard(shard), SampleReply{out_.To<SampleRequest>(Shard(shard)).at(0).request,
                                  {10.0, 1.0, 10, 10},
                                  {},
                                  {},
                                  {},
                                  {},
                                  {},
                                  {},
                                  {}});
  }
  ASSERT_EQ(role_.Samples(), 2U * kBatch) << "two draws are under way";
  const std::size_t before = out_.envelopes.size();
  Say(kCoordinatorAddress, RankDown{4, "n1", "gone", {Shard(1)}});
  EXPECT_EQ(role_.Samples(), 2U * kBatch);
  std::uint64_t rows = 0;
  for (std::size_t i = before; i < out_.envelopes.size(); ++i) {
    ASSERT_EQ(out_.envelopes[i].to, Shard(0)) << "nothing is asked of the dead";
    rows += DecodeBody<SampleRequest>(out_.envelopes[i]).offsets.size();
  }
  EXPECT_EQ(rows, 2U * kBatch);
  answered_ = before;
  AnswerRequests();
  while (!port_.jobs.empty()) DoFirst();
  EXPECT_EQ(role_.Updates(), 2U);
}

TEST_F(LearnerRoleTest, AShardThatDiesBeforeItEverAnsweredIsNotWaitedFor) {
  role_.Tick(now_, out_);
  DoFirst();
  Say(kCoordinatorAddress, SampleGrant{10 * kBatch});
  ASSERT_EQ(out_.To<SampleRequest>(Shard(1)).size(), 1U) << "totals are asked for";
  Say(kCoordinatorAddress, RankDown{4, "n1", "gone", {Shard(1)}});
  AnswerRequests();
  AnswerRequests();
  while (!port_.jobs.empty()) DoFirst();
  EXPECT_GT(role_.Updates(), 0U);
  EXPECT_EQ(out_.To<SampleRequest>(Shard(1)).size(), 1U);
}

TEST(LearnerRoleBestTest, WhatTheBestRoundPinnedIsKeptOnce) {
  auto settings = SmallSettings();
  settings.keep_best = true;
  HeldPort port;
  CapturedOutbox out;
  LearnerRole role(settings, port);
  role.Tick(0s, out);
  for (const std::uint32_t round : {2U, 3U}) {
    role.Handle(From(kCoordinatorAddress, kLearner, PinRequest{round}), 0s, out);
  }
  while (!port.jobs.empty()) {
    auto outcome = port.DoFirst();
    outcome.parameters = {static_cast<float>(outcome.job.pin)};
    role.OnDone(std::move(outcome), 0s, out);
  }
  const auto told = [&](std::uint32_t round) {
    const RunStatus status{RunPhase::kTrain, 0, 0, {}, {}, round};
    role.Handle(From(kCoordinatorAddress, kLearner, status), 0s, out);
  };
  told(0);
  EXPECT_EQ(port.Count(TeacherJob::Kind::kKeepBest), 0U);
  told(3);
  ASSERT_EQ(port.Count(TeacherJob::Kind::kKeepBest), 1U);
  EXPECT_EQ(port.jobs.back().best, (std::vector<float>{3}));
  told(3);
  told(2);
  EXPECT_EQ(port.Count(TeacherJob::Kind::kKeepBest), 1U) << "an older round cannot be better";
}

}  // namespace
}  // namespace stillhouse::learner
