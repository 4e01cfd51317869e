#include "actors/evaluation_desk.h"

#include <vector>

#include <gtest/gtest.h>

#include "actors/env/environment_factory.h"
#include "common/messages/evaluation_task_number.h"
#include "tests/actors/actor_test_config.h"

namespace stillhouse::actors {
namespace {

constexpr std::uint64_t kMe = 77;

struct Sent final : ShardLinks {
  void Send(std::uint32_t, FrameKind kind, std::vector<std::uint8_t> body) override {
    if (kind != FrameKind::kEvaluationResult) return;
    ByteReader reader(body, "result");
    results.push_back(EvaluationResult::Decode(reader));
  }
  std::vector<EvaluationResult> results;
};

class EvaluationDeskTest : public ::testing::Test {
 protected:
  static std::unique_ptr<Environment> MakeCartPole() {
    return MakeEnvironment("classic/cart_pole", {});
  }
  /// Random actions: no weights are needed.
  static EvaluationTask Task(std::uint64_t number, std::uint64_t worker = kMe) {
    EvaluationTask task;
    task.task = number;
    task.worker = worker;
    task.player.model = kRandomModel;
    task.epsilon = 1;
    task.max_steps = 5;
    task.seeds = {4, 8};
    return task;
  }
  void Play() {
    while (desk_.Ready(out_)) desk_.Step(out_);
  }

  ModelCatalog models_{SmallConfig(), MakeCartPole()->Spec()};
  EvaluationDesk desk_{kMe, 0, models_, MakeCartPole};
  Sent out_;
};

TEST_F(EvaluationDeskTest, PlaysATaskOnceHoweverOftenItIsSent) {
  desk_.OnHomeConnected(out_);
  desk_.Add(Task(1), out_);
  desk_.Add(Task(1), out_);
  Play();
  ASSERT_EQ(out_.results.size(), 1U);
  EXPECT_EQ(out_.results[0].episodes.size(), 2U);
  desk_.Add(Task(1), out_);
  Play();
  EXPECT_EQ(out_.results.size(), 1U) << "an answered task was played again";
}

TEST_F(EvaluationDeskTest, AnswersAgainOverANewConnectionAndNotATaskThatComesAgainWithIt) {
  desk_.OnHomeConnected(out_);
  desk_.Add(Task(1), out_);
  Play();
  desk_.OnHomeLost();
  desk_.OnHomeConnected(out_);
  desk_.Add(Task(1), out_);
  Play();
  ASSERT_EQ(out_.results.size(), 2U);
  EXPECT_EQ(out_.results[1].task, 1U);
}

TEST_F(EvaluationDeskTest, ATaskOfTheResumedRunEndsWhatTheLifeBeforeAskedFor) {
  desk_.OnHomeConnected(out_);
  EvaluationTask waits_for_ever = Task(1);
  waits_for_ever.player = {0, 5};  // weights that died with that life
  desk_.Add(waits_for_ever, out_);
  desk_.Add(Task(2), out_);
  Play();
  EXPECT_TRUE(out_.results.empty());
  desk_.OnHomeLost();
  desk_.OnHomeConnected(out_);
  desk_.Add(Task(FirstTaskNumber(1) + 1), out_);
  desk_.Add(Task(3), out_);
  Play();
  ASSERT_EQ(out_.results.size(), 1U);
  EXPECT_EQ(out_.results[0].task, FirstTaskNumber(1) + 1);
}

TEST_F(EvaluationDeskTest, LeavesTheTasksOfOthersAlone) {
  desk_.OnHomeConnected(out_);
  desk_.Add(Task(1, kMe + 1), out_);
  Play();
  EXPECT_TRUE(out_.results.empty());
}

}  // namespace
}  // namespace stillhouse::actors
