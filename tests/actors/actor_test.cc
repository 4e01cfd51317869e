#include "actors/actor.h"

#include <cstdlib>
#include <map>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "actors/experience_sender.h"
#include "common/base/error.h"
#include "replay/chunk.h"
#include "tests/actors/actor_fixture.h"

namespace stillhouse::actors {
namespace {

using std::chrono::milliseconds;

TEST_F(ActorTest, LearnsTheJobFromTheFirstWelcomeAndNamesItsHome) {
  EXPECT_TRUE(actor->MakeHello(0).home);
  EXPECT_FALSE(actor->MakeHello(1).home);
  EXPECT_EQ(actor->MakeHello(0).incarnation, kIncarnation);
  EXPECT_FALSE(Advance());
  GreetAll();
  EXPECT_TRUE(Advance());
  EXPECT_EQ(actor->MakeHello(1).environment, environment);
  EXPECT_EQ(actor->Frames(), 4U);
}

TEST_F(ActorTest, NumbersTheChunksOfEachShardFromOneAndFillsBothAlike) {
  GreetAll();
  for (int i = 0; i < 2000; ++i) {
    Advance();
    StoreAll();
  }
  EXPECT_GT(sequences[0], 400U);
  const auto total = static_cast<double>(sizes[0] + sizes[1]);
  EXPECT_NEAR(static_cast<double>(sizes[0]) / total, 0.5, 0.025);
  // Item keys are the worker's own, without gaps, whichever shard they went to.
  std::uint64_t next = 0;
  for (const auto& frame : stored) {
    EXPECT_EQ(View(frame).FirstItem(), next);
    next += View(frame).Items();
  }
  EXPECT_LE(next, actor->Frames());
}

TEST_F(ActorTest, PrefersTheEmptierShard) {
  GreetAll();
  Deliver(0, FrameKind::kAck, Ack{0, 1000});
  Deliver(1, FrameKind::kAck, Ack{0, 2000});
  Advance(10);
  for (const auto& frame : shards.Take(FrameKind::kChunk)) EXPECT_EQ(frame.slot, 0U);
}

TEST_F(ActorTest, AFullWindowStopsBehaviourUntilAnAcknowledgement) {
  GreetAll();
  while (Advance()) {
  }
  EXPECT_TRUE(actor->Waiting());
  const auto chunks = shards.Take(FrameKind::kChunk);
  EXPECT_EQ(chunks.size(), ExperienceSender::kSmallWindow);
  const auto frames = actor->Frames();
  EXPECT_FALSE(Advance(100));
  EXPECT_EQ(actor->Frames(), frames);
  Deliver(0, FrameKind::kAck, Ack{ExperienceSender::kSmallWindow / kSlots, 100});
  EXPECT_TRUE(Advance());
  EXPECT_GT(actor->Frames(), frames);
}

class WindowTest : public ActorTest {
 protected:
  /// Plays until it has to wait. Chunks sent meanwhile.
  std::size_t Fill() {
    while (actor->Advance(now, shards)) {
    }
    const auto chunks = shards.Take(FrameKind::kChunk);
    for (const auto& frame : chunks) newest[frame.slot] = View(frame).Sequence();
    return chunks.size();
  }
  void Acknowledge(std::uint32_t slot, Time late = {}) {
    now += late;
    Deliver(slot, FrameKind::kAck, Ack{newest[slot], 100});
  }
  void AcknowledgeAll() {
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) Acknowledge(slot);
  }
  std::map<std::uint32_t, std::uint64_t> newest;
};

TEST_F(WindowTest, GrowsWhileShardsArePromptAndIsSmallAgainWhenOneIsNot) {
  GreetAll();
  EXPECT_EQ(Fill(), ExperienceSender::kSmallWindow);
  AcknowledgeAll();
  EXPECT_EQ(Fill(), 2 * ExperienceSender::kSmallWindow);
  for (int i = 0; i < 10; ++i) {
    AcknowledgeAll();
    Fill();
  }
  AcknowledgeAll();
  EXPECT_EQ(Fill(), ExperienceSender::kLargeWindow);
  Acknowledge(0);
  Acknowledge(1, ExperienceSender::kPrompt + milliseconds(1));
  EXPECT_EQ(Fill(), ExperienceSender::kSmallWindow);
}

TEST_F(WindowTest, IsSmallAgainAfterAReconnect) {
  GreetAll();
  Fill();
  AcknowledgeAll();
  Fill();
  AcknowledgeAll();
  actor->OnDisconnect(0);
  Greet(0, newest[0]);
  EXPECT_EQ(Fill(), ExperienceSender::kSmallWindow);
}

TEST_F(WindowTest, ShardsThatHoldAllOfItDoNotKeepAnotherEmpty) {
  Greet(0);
  EXPECT_EQ(Fill(), ExperienceSender::kSmallWindow);
  // The first has stored all that it may before the others have something too.
  Greet(1);
  EXPECT_EQ(Fill(), 1U);
  EXPECT_EQ(newest[1], 1U);
  Acknowledge(1, ExperienceSender::kLongestPrompt * 3);
  EXPECT_EQ(Fill(), 1U);
  EXPECT_EQ(newest[1], 2U);
}

TEST_F(WindowTest, AShardThatHangsHoldsUpNobodyElse) {
  GreetAll();
  Fill();
  AcknowledgeAll();
  Fill();
  now += ExperienceSender::kSilent + milliseconds(1);
  for (int i = 0; i < 20; ++i) {
    SendStatus(RunPhase::kTrain, 0, 1);
    Acknowledge(1, ExperienceSender::kPrompt + milliseconds(1));
    EXPECT_EQ(Fill(), ExperienceSender::kSmallWindow) << "all of them to the other";
  }
}

TEST_F(WindowTest, APromptAnswerOfADistantShardTakesLonger) {
  GreetAll();
  const Time far = 3 * ExperienceSender::kPrompt;
  Fill();
  for (int i = 0; i < 4; ++i) {
    Acknowledge(0, far);
    Acknowledge(1);
    Fill();
  }
  now += far;
  AcknowledgeAll();
  EXPECT_EQ(Fill(), ExperienceSender::kLargeWindow);
}

TEST_F(ActorTest, SendsWhatIsNotStoredAgainInOrderToTheSameShard) {
  GreetAll();
  while (Advance()) {
  }
  std::vector<Bytes> sent;
  for (auto& frame : shards.Take(FrameKind::kChunk)) {
    if (frame.slot == 0) sent.push_back(frame.body);
  }
  ASSERT_GE(sent.size(), 2U);
  actor->OnDisconnect(0);
  EXPECT_TRUE(Advance()) << "the other shard takes more meanwhile";
  while (Advance()) {
  }
  for (const auto& frame : shards.Take(FrameKind::kChunk)) EXPECT_EQ(frame.slot, 1U);
  Greet(0, 1);  // one had been stored, its acknowledgement was lost
  const auto again = shards.Take(FrameKind::kChunk);
  ASSERT_EQ(again.size(), sent.size() - 1);
  for (std::size_t i = 0; i < again.size(); ++i) {
    EXPECT_EQ(again[i].slot, 0U);
    EXPECT_EQ(again[i].body, sent[i + 1]);
  }
}

TEST_F(ActorTest, AnAcknowledgementOfWhatWasNeverSentIsRefused) {
  GreetAll();
  EXPECT_THROW(Deliver(0, FrameKind::kAck, Ack{1, 0}), WireError);
}

TEST_F(ActorTest, FramesBeforeTheWelcomeAreRefused) {
  actor->MakeHello(0);
  EXPECT_THROW(Deliver(0, FrameKind::kAck, Ack{0, 0}), WireError);
}

EvaluationTask RandomTask(std::uint64_t id) {
  EvaluationTask task;
  task.task = id;
  task.worker = kIncarnation;
  task.player.model = kRandomModel;
  task.max_steps = 500;
  task.seeds = {1, 2, 3};
  return task;
}

TEST_F(ActorTest, EvaluationGoesOnWhileBehaviourIsBlocked) {
  GreetAll();
  while (Advance()) {
  }
  Deliver(0, FrameKind::kEvaluationTask, RandomTask(9));
  Deliver(0, FrameKind::kEvaluationTask, RandomTask(9));  // a repetition is played once
  Advance(1000);
  const auto results = shards.Take(FrameKind::kEvaluationResult);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].slot, 0U);
  const auto result = Decode<EvaluationResult>(results[0].body);
  EXPECT_EQ(result.task, 9U);
  ASSERT_EQ(result.episodes.size(), 3U);
  for (const auto& episode : result.episodes) EXPECT_EQ(episode.episode_return, episode.length);
}

TEST_F(ActorTest, BehaviourAndEvaluationTakeTurns) {
  GreetAll();
  auto task = RandomTask(1);
  task.seeds.assign(200, 5);
  Deliver(0, FrameKind::kEvaluationTask, task);
  const auto before = actor->Frames();
  Advance(20);
  StoreAll();
  EXPECT_EQ(actor->Frames() - before, 10U * 4U);
}

TEST_F(ActorTest, TasksForAnotherIncarnationAreIgnored) {
  GreetAll();
  auto task = RandomTask(3);
  task.worker = 1;
  Deliver(0, FrameKind::kEvaluationTask, task);
  SendStatus(RunPhase::kTail);
  EXPECT_FALSE(Advance());
}

TEST_F(ActorTest, PullsThePinnedVersionsOfATaskFromItsHomeAndAnswersWithComparisons) {
  GreetAll();
  SendStatus(RunPhase::kTail);
  EvaluationTask task = RandomTask(4);
  task.player = {1, 30, 3000};
  task.reference = {0, 12, 1200};
  task.compare = {{1, 30, 3000}};
  Deliver(0, FrameKind::kEvaluationTask, task);
  const auto requests = shards.Take(FrameKind::kWeightsRequest);
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].slot, 0U);
  EXPECT_FALSE(Advance());
  Deliver(0, FrameKind::kWeightsReply,
          WeightsReply{1, 30, std::vector<float>(kStudentParameters, 0.1F)});
  EXPECT_FALSE(Advance());
  Deliver(0, FrameKind::kWeightsReply,
          WeightsReply{0, 12, std::vector<float>(kTeacherParameters, 0.1F)});
  Advance(600);
  const auto results = shards.Take(FrameKind::kEvaluationResult);
  ASSERT_EQ(results.size(), 1U);
  const auto result = Decode<EvaluationResult>(results[0].body);
  ASSERT_EQ(result.comparisons.size(), 1U);
  EXPECT_EQ(result.comparisons[0].model, 1);
  EXPECT_GT(result.comparisons[0].states, 0U);
}

TEST_F(ActorTest, ATaskWhoseWeightsAreGoneIsAnsweredWithoutEpisodes) {
  GreetAll();
  EvaluationTask task = RandomTask(4);
  task.player = {0, 3, 300};
  Deliver(0, FrameKind::kEvaluationTask, task);
  Deliver(0, FrameKind::kWeightsReply, WeightsReply{0, 3, {}});
  Advance();
  const auto results = shards.Take(FrameKind::kEvaluationResult);
  ASSERT_EQ(results.size(), 1U);
  EXPECT_TRUE(Decode<EvaluationResult>(results[0].body).episodes.empty());
}

TEST_F(ActorTest, ALostHomeIsAskedAgainAndToldTheLastResultsAgain) {
  GreetAll();
  SendStatus(RunPhase::kTail);
  Deliver(0, FrameKind::kEvaluationTask, RandomTask(1));
  Advance(600);
  ASSERT_EQ(shards.Take(FrameKind::kEvaluationResult).size(), 1U);
  EvaluationTask task = RandomTask(2);
  task.player = {0, 3, 300};
  Deliver(0, FrameKind::kEvaluationTask, task);
  ASSERT_EQ(shards.Take(FrameKind::kWeightsRequest).size(), 1U);
  actor->OnDisconnect(0);
  Greet(0);
  EXPECT_EQ(shards.Take(FrameKind::kEvaluationResult).size(), 1U);
  EXPECT_EQ(shards.Take(FrameKind::kWeightsRequest).size(), 1U);
}

TEST_F(ActorTest, ActsWithTheNewestTeacherThatItsHomeHas) {
  GreetAll();
  SendStatus(RunPhase::kTrain, 5);
  const auto requests = shards.Take(FrameKind::kWeightsRequest);
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(Decode<WeightsRequest>(requests[0].body).model, 0);
  SendStatus(RunPhase::kTrain, 6);
  EXPECT_TRUE(shards.Take(FrameKind::kWeightsRequest).empty());  // one at a time
  Deliver(0, FrameKind::kWeightsReply,
          WeightsReply{0, 5, std::vector<float>(kTeacherParameters, 0.1F)});
  EXPECT_EQ(shards.Take(FrameKind::kWeightsRequest).size(), 1U);
  Advance(12);
  const auto chunks = shards.Take(FrameKind::kChunk);
  ASSERT_FALSE(chunks.empty());
  EXPECT_EQ(View(chunks.back()).WeightsVersion(), 5U);
}

TEST_F(ActorTest, AGuestOfTheRunIsPulledBesideTheModelThatActs) {
  config.actors.mix = {"small", 1.0};
  GreetAll();
  WorkerStatus status;
  status.guest_version = 3;
  Deliver(0, FrameKind::kStatus, status);
  const auto guest = shards.Take(FrameKind::kWeightsRequest);
  ASSERT_EQ(guest.size(), 1U);
  EXPECT_EQ(Decode<WeightsRequest>(guest[0].body).model, 1);
  status.teacher_version = 5;
  Deliver(0, FrameKind::kStatus, status);
  const auto teacher = shards.Take(FrameKind::kWeightsRequest);
  ASSERT_EQ(teacher.size(), 1U);  // one at a time of each
  EXPECT_EQ(Decode<WeightsRequest>(teacher[0].body).model, 0);
  Deliver(0, FrameKind::kWeightsReply,
          WeightsReply{1, 3, std::vector<float>(kStudentParameters, 0.1F)});
  Deliver(0, FrameKind::kWeightsReply,
          WeightsReply{0, 5, std::vector<float>(kTeacherParameters, 0.1F)});
  Advance(12);
  const auto chunks = shards.Take(FrameKind::kChunk);
  ASSERT_FALSE(chunks.empty());
  EXPECT_EQ(View(chunks.back()).WeightsVersion(), 5U);  // whose Q-values stand in it
  Deliver(0, FrameKind::kStatus, status);
  EXPECT_TRUE(shards.Take(FrameKind::kWeightsRequest).empty());
}

TEST_F(ActorTest, TheTailEndsBehaviourAndForgetsWhatIsNotStored) {
  GreetAll();
  Advance(20);
  shards.frames.clear();
  SendStatus(RunPhase::kTail);
  EXPECT_FALSE(Advance());
  EXPECT_FALSE(actor->Finished());
  actor->OnDisconnect(0);
  Greet(0);
  EXPECT_TRUE(shards.Take(FrameKind::kChunk).empty());
  SendStatus(RunPhase::kEnd);
  EXPECT_TRUE(actor->Finished());
}

TEST_F(ActorTest, GoodbyeFinishes) {
  GreetAll();
  actor->OnFrame(1, FrameKind::kGoodbye, {}, now, shards);
  EXPECT_TRUE(actor->Finished());
}

TEST_F(ActorTest, ReportsEpisodesAndEpsilonToItsHome) {
  GreetAll();
  for (int i = 0; i < 1000; ++i) {
    Advance();
    StoreAll();
  }
  std::size_t episodes = 0;
  const auto reports = shards.Take(FrameKind::kWorkerReport);
  EXPECT_GE(reports.size(), 2U);
  for (const auto& frame : reports) {
    EXPECT_EQ(frame.slot, 0U);
    episodes += Decode<WorkerReport>(frame.body).episodes.size();
  }
  EXPECT_GT(episodes, 20U);
  EXPECT_EQ(Decode<WorkerReport>(reports.back().body).epsilon_mean, 1.0);
}

TEST_F(ActorTest, FixedSeedsGiveTheSameBytesAndRestartsGiveOthers) {
  const auto chunks_of = [&](const ActorOptions& options) {
    Make(options);
    GreetAll();
    Advance(30);
    std::vector<Bytes> rewards;
    for (const auto& frame : shards.Take(FrameKind::kChunk)) {
      const auto view = View(frame);
      rewards.emplace_back(view.Observation(0), view.Observation(0) + 16);
    }
    return rewards;
  };
  const ActorOptions fixed{.incarnation = 1, .slots = kSlots, .fixed_seeds = true};
  EXPECT_EQ(chunks_of(fixed), chunks_of(fixed));
  ActorOptions other = fixed;
  other.index = 1;
  EXPECT_NE(chunks_of(fixed), chunks_of(other));
  EXPECT_NE(chunks_of({.incarnation = 1, .slots = kSlots}),
            chunks_of({.incarnation = 2, .slots = kSlots}));
}

}  // namespace
}  // namespace stillhouse::actors
