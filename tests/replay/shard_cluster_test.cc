#include <chrono>

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "common/messages/evaluation.h"
#include "tests/replay/shard_fixture.h"

namespace stillhouse::replay {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr RoleAddress kLearner{RoleKind::kLearner, 0};

WeightsPublish Publish(std::uint16_t model, std::uint64_t version, std::uint32_t pin = 0) {
  WeightsPublish message;
  message.model = model;
  message.version = version;
  message.pin = pin;
  message.parameters = {static_cast<float>(version)};
  return message;
}

TEST_F(ShardTest, AnswersSampleRequestsToWhoAsked) {
  Grant(1000);
  Connect(1);
  SendChunk(1, 1);
  SampleRequest request;
  request.request = 5;
  request.assumed_mass = 10;
  request.offsets = {3.5};
  Tell(request, kLearner);
  const auto replies = cluster.All<SampleReply>();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(cluster.sent.back().to, kLearner);
  EXPECT_EQ(replies[0].request, 5U);
  EXPECT_THAT(replies[0].handles, ElementsAre(3));
  PriorityUpdate update;
  update.handles = {3};
  update.td_errors = {5};
  Tell(update, kLearner);
  EXPECT_NEAR(shard.Store().Totals().mass, 14, 1e-4);
}

TEST_F(ShardTest, ReportsInsertsAtMostEveryTwoMillisecondsAndAlwaysWithin200) {
  shard.Tick(now, cluster);
  EXPECT_EQ(cluster.All<ShardReport>().size(), 1U);
  Grant(1000);
  Connect(1);
  SendChunk(1, 1);
  SendChunk(1, 2);
  EXPECT_EQ(cluster.All<ShardReport>().size(), 1U);
  now += milliseconds(2);
  shard.Tick(now, cluster);
  ASSERT_EQ(cluster.All<ShardReport>().size(), 2U);
  const ShardReport report = cluster.All<ShardReport>().back();
  EXPECT_EQ(report.frames, 20U);
  EXPECT_EQ(report.totals.inserted, 20U);
  EXPECT_THAT(report.home_workers, ElementsAre(kWorker));
  EXPECT_FALSE(report.insert_blocked);
  now += milliseconds(100);
  shard.Tick(now, cluster);
  EXPECT_EQ(cluster.All<ShardReport>().size(), 2U);
  now += milliseconds(100);
  shard.Tick(now, cluster);
  EXPECT_EQ(cluster.All<ShardReport>().size(), 3U);
}

TEST_F(ShardTest, ReportsHowFarTheWeightsOfItsChunksLagAtTheTimeOfStoring) {
  Connect(1);
  SendChunk(1, 1);  // of version 0; parked: nothing is granted yet
  Tell(Publish(0, 4), kLearner);
  Tell(Publish(1, 9), kLearner);  // a student's versions do not count
  now += milliseconds(5);
  Grant(1000);
  EXPECT_EQ(cluster.All<ShardReport>().back().weights_lag_p99, 4U);
}

TEST_F(ShardTest, ReportsEpisodesOnceAndTheMeanEpsilonOfHomeWorkers) {
  shard.Tick(now, cluster);
  Connect(1, 11, true);
  Connect(2, 12, true);
  Connect(3, 13, false);
  WorkerReport report;
  report.episodes = {{3.5F, 20}};
  report.epsilon_mean = 0.5;
  now += milliseconds(5);
  Say(1, FrameKind::kWorkerReport, report);
  report.epsilon_mean = 0.1;
  report.episodes.clear();
  Say(2, FrameKind::kWorkerReport, report);
  now += milliseconds(5);
  shard.Tick(now, cluster);
  const auto reports = cluster.All<ShardReport>();
  std::size_t episodes = 0;
  for (const auto& one : reports) episodes += one.episodes.size();
  EXPECT_EQ(episodes, 1U);
  EXPECT_DOUBLE_EQ(reports.back().epsilon_mean, 0.3);
  EXPECT_THAT(reports.back().home_workers, ElementsAre(11, 12));

  // They leave at the end of a run, before its last line is written.
  shard.OnDisconnect(ConnectionId(1), now);
  shard.OnDisconnect(ConnectionId(2), now);
  now += milliseconds(5);
  shard.Tick(now, cluster);
  EXPECT_THAT(cluster.All<ShardReport>().back().home_workers, IsEmpty());
  EXPECT_DOUBLE_EQ(cluster.All<ShardReport>().back().epsilon_mean, 0.3);
}

TEST_F(ShardTest, SaysThatInsertingIsBlockedAndThatAHomeWorkerHasGone) {
  shard.Tick(now, cluster);
  Connect(1);
  now += milliseconds(5);
  SendChunk(1, 1);
  EXPECT_TRUE(cluster.All<ShardReport>().back().insert_blocked);
  shard.OnDisconnect(ConnectionId(1), now);
  now += milliseconds(5);
  shard.Tick(now, cluster);
  EXPECT_FALSE(cluster.All<ShardReport>().back().insert_blocked);
  EXPECT_THAT(cluster.All<ShardReport>().back().home_workers, IsEmpty());
}

TEST_F(ShardTest, TellsWorkersOfANewTeacherAndOfANewPhaseAtOnce) {
  Connect(1);
  const std::size_t before = workers.Count(1, FrameKind::kStatus);
  Tell(Publish(0, 4), kLearner);
  Tell(Publish(1, 9), kLearner);  // a student: nobody acts with it
  Tell(RunStatus{RunPhase::kTrain, 50, 7});
  Tell(RunStatus{RunPhase::kTail, 60, 8});
  Tell(RunStatus{RunPhase::kTrain, 55, 8});  // late: phases never go back
  const auto status = workers.All<WorkerStatus>(1, FrameKind::kStatus);
  ASSERT_EQ(status.size(), before + 2);
  EXPECT_EQ(status[before].teacher_version, 4U);
  EXPECT_EQ(status[before + 1].run.phase, RunPhase::kTail);
  now += milliseconds(100);
  shard.Tick(now, cluster);
  EXPECT_EQ(workers.All<WorkerStatus>(1, FrameKind::kStatus).back().run.phase, RunPhase::kTail);
}

TEST_F(ShardTest, HandsOutWeightsNowOrWhenTheyCome) {
  Connect(1);
  const auto replies = [&] { return workers.All<WeightsReply>(1, FrameKind::kWeightsReply); };
  Say(1, FrameKind::kWeightsRequest, WeightsRequest{0, 0});
  Say(1, FrameKind::kWeightsRequest, WeightsRequest{0, 3});
  EXPECT_THAT(replies(), IsEmpty());
  Tell(Publish(0, 2), kLearner);
  ASSERT_EQ(replies().size(), 1U);
  EXPECT_EQ(replies()[0].version, 2U);
  EXPECT_THAT(replies()[0].parameters, ElementsAre(2.0F));
  Tell(Publish(0, 3), kLearner);
  ASSERT_EQ(replies().size(), 2U);
  EXPECT_EQ(replies()[1].version, 3U);
  Say(1, FrameKind::kWeightsRequest, WeightsRequest{0, 2});  // gone
  ASSERT_EQ(replies().size(), 3U);
  EXPECT_THAT(replies()[2].parameters, IsEmpty());
}

TEST_F(ShardTest, KeepsPinnedWeightsUntilTheirRoundIsReleased) {
  Connect(1);
  Tell(Publish(1, 5, 7), kLearner);
  Tell(Publish(1, 6), kLearner);
  const auto ask = [&] {
    Say(1, FrameKind::kWeightsRequest, WeightsRequest{1, 5});
    return workers.All<WeightsReply>(1, FrameKind::kWeightsReply).back().parameters.size();
  };
  EXPECT_EQ(ask(), 1U);
  Tell(EvaluationRelease{7});
  EXPECT_EQ(ask(), 0U);
}

TEST_F(ShardTest, AnUnknownModelClosesTheWorkerThatAsksForIt) {
  Connect(1);
  Say(1, FrameKind::kWeightsRequest, WeightsRequest{2, 0});
  EXPECT_EQ(workers.closed.count(1), 1U);
  EXPECT_THROW(Tell(Publish(2, 1), kLearner), WireError);
}

TEST_F(ShardTest, PassesEvaluationTasksToTheirWorkerAndResultsToTheCoordinator) {
  Connect(1, 11);
  Connect(2, 12);
  EvaluationTask task;
  task.task = 4;
  task.worker = 12;
  task.seeds = {1, 2};
  Tell(task);
  task.worker = 13;  // gone: dropped
  Tell(task);
  EXPECT_EQ(workers.Count(1, FrameKind::kEvaluationTask), 0U);
  const auto tasks = workers.All<EvaluationTask>(2, FrameKind::kEvaluationTask);
  ASSERT_EQ(tasks.size(), 1U);
  EXPECT_EQ(tasks[0].task, 4U);
  EvaluationResult result;
  result.task = 4;
  result.episodes = {{1, 2.5F, 30}};
  Say(2, FrameKind::kEvaluationResult, result);
  ASSERT_EQ(cluster.All<EvaluationResult>().size(), 1U);
  EXPECT_EQ(cluster.All<EvaluationResult>()[0].episodes[0].episode_return, 2.5F);
}

TEST_F(ShardTest, LeavesWhenTold) {
  Connect(1);
  Tell(Leave{});
  EXPECT_EQ(cluster.All<Left>().size(), 1U);
  EXPECT_EQ(workers.Count(1, FrameKind::kGoodbye), 1U);
  EXPECT_EQ(workers.closed.count(1), 1U);
  EXPECT_TRUE(shard.Finished());
  shard.OnConnect(ConnectionId(2), now);
  EXPECT_EQ(workers.closed.count(2), 1U);
}

TEST_F(ShardTest, RefusesMessagesThatAreNotForAShard) { EXPECT_THROW(Tell(Credit{}), WireError); }

}  // namespace
}  // namespace stillhouse::replay
