#include "common/run/coordinator.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/captured_outbox.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using testing_support::CapturedOutbox;
using testing_support::From;

constexpr RoleAddress kLearner{RoleKind::kLearner, 0};
constexpr RoleAddress kStudent{RoleKind::kStudentHost, 0};
constexpr RoleAddress kActors{RoleKind::kActorHost, 0};
constexpr RoleAddress Shard(std::uint16_t index) { return {RoleKind::kShard, index}; }

class NotingRecorder final : public RunRecorder {
 public:
  void OnProgress(const ProgressRecord& record) override { progress.push_back(record); }
  void OnScoreboard(const Scoreboard& board) override { boards.push_back(board); }
  void OnNote(const std::string& line) override { notes += line + "\n"; }
  void OnEndpoints(const std::vector<std::string>& addresses) override { endpoints = addresses; }
  void OnFinalModel(const FinalModel& model) override { finals.push_back(model.model); }
  void ContinueRank(const RankReport& rank) override { continued.push_back(rank.rank); }

  std::vector<ProgressRecord> progress;
  std::vector<Scoreboard> boards;
  std::vector<std::string> endpoints;
  std::vector<std::uint16_t> finals;
  std::vector<std::uint32_t> continued;
  std::string notes;
};

Coordinator::Settings SmallJob() {
  Coordinator::Settings settings;
  settings.config.replay.min_size = 100;
  settings.config.replay.samples_per_insert = 8;
  settings.config.evaluation.episodes = 4;
  settings.config.evaluation.final_episodes = 6;
  settings.config.students.resize(1);
  settings.config.students[0].name = "small";
  settings.config.stop.frames = 1000;
  settings.config.stop.distill_tail = 0.5;
  settings.shards = 2;
  settings.student_hosts = 1;
  settings.actor_hosts = 1;
  settings.host_of_student = {0};
  settings.models = {{"teacher", ModelScore::Kind::kTeacher, 10, 20, 1},
                     {"small", ModelScore::Kind::kStudent, 5, 9, 1}};
  settings.tolerance = 80;
  settings.token = "secret";
  return settings;
}

/// A coordinator and the rest of its cluster, reduced to what a test has it say.
class CoordinatorTest : public ::testing::Test {
 protected:
  CoordinatorTest() : coordinator_(SmallJob(), recorder_) {}

  template <typename Body>
  void Say(RoleAddress from, const Body& body) {
    coordinator_.Handle(From(from, kCoordinatorAddress, body), now_, out_);
  }
  void ReportShards(std::uint64_t inserted_each) {
    for (std::uint16_t shard = 0; shard < 2; ++shard) {
      ShardReport report;
      report.totals.inserted = report.totals.size = report.frames = inserted_each;
      if (shard == 0) report.home_workers = {77};
      Say(Shard(shard), report);
    }
  }
  void Tick() { coordinator_.Tick(now_, out_); }

  /// Ticks, answering pins and playing every evaluation task, until `until` holds.
  template <typename Predicate>
  ::testing::AssertionResult PlayUntil(Predicate until) {
    for (int turn = 0; turn < 200; ++turn) {
      if (until()) return ::testing::AssertionSuccess();
      const std::size_t seen = out_.envelopes.size();
      Tick();
      for (std::size_t i = seen; i < out_.envelopes.size(); ++i) Answer(out_.envelopes[i]);
      now_ += 100ms;
    }
    return ::testing::AssertionFailure() << "never happened; notes:\n" << recorder_.notes;
  }

  void Answer(const Envelope& envelope) {
    if (envelope.kind == MessageKind::kPinRequest) {
      const auto round = DecodeBody<PinRequest>(envelope).round;
      const std::uint16_t model = envelope.to == kLearner ? 0 : 1;
      Say(envelope.to, Pinned{round, {{model, 3, 300}}});
    } else if (envelope.kind == MessageKind::kEvaluationTask) {
      const auto task = DecodeBody<EvaluationTask>(envelope);
      EvaluationResult result{task.task, task.round, task.player.model, {}, {}};
      const float play = task.player.model == kRandomModel ? 1.0F : 11.0F;
      for (const auto seed : task.seeds) result.episodes.push_back({seed, play, 5});
      Say(envelope.to, result);
    } else if (envelope.kind == MessageKind::kFreeze && answer_freeze_) {
      const std::uint16_t model = envelope.to == kLearner ? 0 : 1;
      Say(envelope.to, Frozen{{{model, 4, 400, {1.0F}}}});
    } else if (envelope.kind == MessageKind::kLeave) {
      Say(envelope.to, Left{});
    }
  }

  NotingRecorder recorder_;
  Coordinator coordinator_;
  CapturedOutbox out_;
  Time now_ = 1ms;
  bool answer_freeze_ = true;
};

TEST_F(CoordinatorTest, GrantsInsertsAtOnceAndSamplesOnlyFromTheMinimumSizeOn) {
  Tick();
  EXPECT_TRUE(out_.To<SampleGrant>(kLearner).empty());
  // (S + tolerance) / s + m = 80 / 8 + 100 items in all, half for each shard.
  ASSERT_EQ(out_.To<InsertGrant>(Shard(0)).size(), 1U);
  EXPECT_EQ(out_.To<InsertGrant>(Shard(0))[0].allowance, 55U);
  EXPECT_EQ(out_.To<InsertGrant>(Shard(1))[0].allowance, 55U);
  ReportShards(52);
  Tick();
  // s (I - m) + tolerance = 8 * 4 + 80
  ASSERT_EQ(out_.To<SampleGrant>(kLearner).size(), 1U);
  EXPECT_EQ(out_.To<SampleGrant>(kLearner)[0].allowance, 112U);
}

TEST_F(CoordinatorTest, InsertAllowancesOfAllShardsAddUpToTheStoresHoweverUnevenReportsAre) {
  ShardReport fast;
  fast.totals.inserted = 70;
  Say(Shard(0), fast);
  Tick();
  const auto first = out_.To<InsertGrant>(Shard(0)).back().allowance;
  const auto second = out_.To<InsertGrant>(Shard(1)).back().allowance;
  EXPECT_LE(first + second, 110U);
  EXPECT_GT(first, 70U);
}

TEST_F(CoordinatorTest, WorkersAreSentToTheShardsOnceAllAreKnown) {
  Say(Shard(1), Endpoint{"b:2"});
  EXPECT_TRUE(out_.To<EndpointTable>(kActors).empty());
  Say(Shard(0), Endpoint{"a:1"});
  const auto tables = out_.To<EndpointTable>(kActors);
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_EQ(tables[0].addresses, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_EQ(tables[0].token, "secret");
  EXPECT_EQ(recorder_.endpoints, tables[0].addresses);
}

TEST_F(CoordinatorTest, ARunGoesThroughItsPhasesAndEndsWithTheFrozenTeachersScoreboard) {
  ReportShards(10);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Scores().random_return == 1.0; }));
  ReportShards(500);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Phase() == RunPhase::kTail; }));
  // The live teacher is pinned before it is frozen: the requests leave in this order.
  std::vector<MessageKind> to_learner;
  for (const auto& envelope : out_.envelopes) {
    if (envelope.to == kLearner &&
        (envelope.kind == MessageKind::kPinRequest || envelope.kind == MessageKind::kFreeze)) {
      to_learner.push_back(envelope.kind);
    }
  }
  ASSERT_EQ(to_learner, (std::vector<MessageKind>{MessageKind::kPinRequest, MessageKind::kFreeze}));
  EXPECT_TRUE(out_.To<Freeze>(kStudent).empty());
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Phase() == RunPhase::kFinal; }));
  EXPECT_EQ(out_.To<Freeze>(kStudent).size(), 1U);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_FALSE(coordinator_.Result().failed);
  EXPECT_TRUE(coordinator_.Result().unanswered.empty());
  EXPECT_EQ(recorder_.finals, (std::vector<std::uint16_t>{0, 1}));
  const Scoreboard& board = recorder_.boards.back();
  EXPECT_EQ(board.models[0].returns.episodes, 6U);
  EXPECT_DOUBLE_EQ(board.models[1].retention, 1.0);
  EXPECT_TRUE(board.models[1].teacher_qualified);
}

TEST_F(CoordinatorTest, AStudentThatDoesNotAnswerIsNamedAndLeftOut) {
  ReportShards(10);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Scores().random_return == 1.0; }));
  ReportShards(500);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Phase() == RunPhase::kTail; }));
  answer_freeze_ = false;
  const Time tail_began = now_;
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Phase() == RunPhase::kFinal; }));
  EXPECT_LT(now_ - tail_began, Time(15s));
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_FALSE(coordinator_.Result().failed);
  EXPECT_NE(coordinator_.Result().reason.find("small"), std::string::npos);
}

TEST_F(CoordinatorTest, ARestartedWorkerIsSaidOnce) {
  Say(kActors, HostReport{1, 0});
  EXPECT_EQ(recorder_.notes.find("started again"), std::string::npos);
  Say(kActors, HostReport{1, 1});
  Say(kActors, HostReport{1, 1});
  const auto first = recorder_.notes.find("started again (1 so far)");
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(recorder_.notes.find("started again", first + 1), std::string::npos);
}

TEST_F(CoordinatorTest, AFailureEndsTheRunInOrder) {
  ReportShards(10);
  Say(kLearner, Failure{"loss is not finite"});
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_TRUE(coordinator_.Result().failed);
  EXPECT_EQ(coordinator_.Result().reason, "loss is not finite");
}

TEST_F(CoordinatorTest, ARoleThatNeverLeavesIsNamedAfterTheTimeout) {
  Say(kLearner, Failure{"over"});
  for (int turn = 0; turn < 150 && !coordinator_.Finished(); ++turn) {
    Tick();
    now_ += 100ms;
  }
  ASSERT_TRUE(coordinator_.Finished());
  EXPECT_EQ(coordinator_.Result().unanswered.size(), 5U);
}

TEST_F(CoordinatorTest, MessagesThatMakeNoSenseAreRefused) {
  EXPECT_THROW(Say(Shard(9), ShardReport{}), WireError);
  EXPECT_THROW(Say(kStudent, SampleGrant{}), WireError);
  StudentReport report;
  report.students.push_back({9, 0, 0, 0, 0});
  EXPECT_THROW(Say(kStudent, report), WireError);
}

}  // namespace
}  // namespace stillhouse
