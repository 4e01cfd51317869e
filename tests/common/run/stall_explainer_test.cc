#include "common/run/stall_explainer.h"

#include <chrono>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

using namespace std::chrono_literals;

/// A job that stands still: 77 frames, 5 updates.
StallFacts Standing() {
  StallFacts facts;
  facts.frames = 77;
  facts.updates = 5;
  facts.store_size = 77;
  facts.min_size = 100;
  facts.workers_alive = 2;
  facts.actor_hosts_alive = 1;
  return facts;
}

/// What is said of a job that has stood still for 31 seconds.
std::string Said(const StallFacts& facts) {
  StallExplainer explainer(30s);
  EXPECT_FALSE(explainer.Look(facts, 1s));
  EXPECT_FALSE(explainer.Look(facts, 30s));
  return explainer.Look(facts, 32s).value_or("");
}

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(StallExplainerTest, AnyProgressIsProgress) {
  StallExplainer explainer(30s);
  StallFacts facts = Standing();
  Time now = 1s;
  for (int i = 0; i < 100; ++i) {
    ++(i % 4 == 0   ? facts.frames
       : i % 4 == 1 ? facts.updates
       : i % 4 == 2 ? facts.student_updates
                    : facts.evaluation_episodes);
    EXPECT_FALSE(explainer.Look(facts, now));
    now += 29s;
  }
}

TEST(StallExplainerTest, SpeaksAtGrowingGapsAndWhenItIsOver) {
  StallExplainer explainer(30s);
  StallFacts facts = Standing();
  std::vector<Time> spoken;
  for (Time now = 0s; now <= 500s; now += 1s) {
    if (explainer.Look(facts, now)) spoken.push_back(now);
  }
  EXPECT_EQ(spoken, (std::vector<Time>{30s, 60s, 120s, 240s, 480s}));
  ++facts.frames;
  const auto over = explainer.Look(facts, 510s);
  ASSERT_TRUE(over);
  EXPECT_SAYS(*over, "progress again, after 510 s");
  ++facts.frames;
  EXPECT_FALSE(explainer.Look(facts, 511s)) << "once";
  EXPECT_FALSE(explainer.Look(facts, 540s));
  EXPECT_TRUE(explainer.Look(facts, 541s)) << "and from the beginning the next time";
}

TEST(StallExplainerTest, SamplingWaitsForAStoreThatNobodyFills) {
  StallFacts facts = Standing();
  facts.workers_alive = 0;
  facts.workers_restarted = 12;
  facts.learner = LearnerWait::kGrant;
  facts.sampling_blocked = true;
  facts.limiter = "sampling waits for the store to fill: 77 of 100 items";
  const auto text = Said(facts);
  EXPECT_SAYS(text, "no progress for 31 s");
  EXPECT_SAYS(text, "the learner waits for the rate limiter: sampling waits for the store to fill");
  EXPECT_SAYS(text, "the store waits for workers: none is connected (77 of 100 transitions)");
  EXPECT_SAYS(text, "restarted them 12 times");
  facts.actor_hosts_alive = 0;
  EXPECT_SAYS(Said(facts), "stillhouse actor --connect RUN_DIR");
}

TEST(StallExplainerTest, WorkersWaitForALearnerThatIsStopped) {
  StallFacts facts = Standing();
  facts.inserts_blocked = true;
  facts.limiter = "actors wait for the learner: 40 samples, 200 items";
  facts.learner = LearnerWait::kCompute;
  facts.silent.push_back({"rank 1 (learner, box, pid 9)", 2s});
  const auto text = Said(facts);
  EXPECT_SAYS(text, "rank 1 (learner, box, pid 9), which has said nothing, for 30 s");
  EXPECT_SAYS(text, "kill -CONT");
  EXPECT_SAYS(text, "2 workers waits for the rate limiter: actors wait for the learner");
}

TEST(StallExplainerTest, TheLearnerWaitsForAShardThatOwesReplies) {
  StallFacts facts = Standing();
  facts.learner = LearnerWait::kReplies;
  facts.owing_shards = {1, 3};
  EXPECT_SAYS(Said(facts), "the learner waits for sample replies of shards 1, 3");
}

TEST(StallExplainerTest, ACheckpointWaitsForTheLearner) {
  StallFacts facts = Standing();
  facts.pending.push_back({"a checkpoint", {"learner 0"}, 12s, "the learner is waited for"});
  const auto text = Said(facts);
  EXPECT_SAYS(text, "a checkpoint waits for learner 0, for 20 s");
  facts.pending = {{"a checkpoint", {}, 12s, "is the disk full?"}};
  EXPECT_SAYS(Said(facts), "a checkpoint waits for the disk, for 20 s");
}

TEST(StallExplainerTest, TheEvaluationWaitsForAWorker) {
  StallFacts facts = Standing();
  facts.workers_alive = 0;
  facts.evaluating = true;
  facts.evaluating_since = 2s;
  facts.evaluation_seeds_left = 40;
  EXPECT_SAYS(Said(facts),
              "the evaluation waits for a worker to play it: none is connected, for 30 s");
  facts.workers_alive = 1;
  facts.evaluation_tasks = 2;
  EXPECT_SAYS(Said(facts), "2 tasks that workers have in hand, 40 seeds are left");
}

TEST(StallExplainerTest, ShardsRecover) {
  StallFacts facts = Standing();
  facts.unopened_shards = {0};
  EXPECT_SAYS(Said(facts), "shard 0 to recover and to listen");
}

TEST(StallExplainerTest, WorkersAreConnectedAndSendNothing) {
  StallFacts facts = Standing();
  facts.learner = LearnerWait::kGrant;
  EXPECT_SAYS(Said(facts), "2 workers, who are connected and send nothing");
}

TEST(StallExplainerTest, EveryWaitOfTheLearnerHasWords) {
  for (const auto wait : {LearnerWait::kRestore, LearnerWait::kCompute, LearnerWait::kReplies,
                          LearnerWait::kEmptyStore, LearnerWait::kGrant, LearnerWait::kCredits}) {
    StallFacts facts = Standing();
    facts.learner = wait;
    const auto waits = ExplainWaits(facts);
    ASSERT_FALSE(waits.empty()) << static_cast<int>(wait);
    EXPECT_EQ(waits[0].who, "the learner");
    EXPECT_FALSE(waits[0].advice.empty());
  }
}

}  // namespace
}  // namespace stillhouse
