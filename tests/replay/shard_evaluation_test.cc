#include "tests/replay/shard_fixture.h"

namespace stillhouse::replay {
namespace {

class ShardEvaluationTest : public ShardTest {
 protected:
  void SendTask(std::uint64_t number, std::uint32_t round = 1, std::uint64_t worker = kWorker) {
    EvaluationTask task;
    task.task = number;
    task.round = round;
    task.worker = worker;
    task.seeds = {1, 2};
    Tell(task);
  }
  void Answer(std::uint64_t connection, std::uint64_t number) {
    EvaluationResult result;
    result.task = number;
    result.round = 1;
    Say(connection, FrameKind::kEvaluationResult, result);
  }
  std::vector<std::uint64_t> Tasks(std::uint64_t connection) const {
    std::vector<std::uint64_t> numbers;
    for (const auto& task : workers.All<EvaluationTask>(connection, FrameKind::kEvaluationTask)) {
      numbers.push_back(task.task);
    }
    return numbers;
  }
};

TEST_F(ShardEvaluationTest, SendsOpenTasksAgainToAWorkerThatHasConnectedAgain) {
  Connect(1);
  SendTask(5);
  SendTask(6);
  Answer(1, 5);
  EXPECT_EQ(Tasks(1), (std::vector<std::uint64_t>{5, 6}));
  // The worker is back before the shard has noticed that it was gone.
  Connect(2);
  EXPECT_EQ(Tasks(2), (std::vector<std::uint64_t>{6}));
  Answer(2, 6);
  Connect(3);
  EXPECT_TRUE(Tasks(3).empty());
}

TEST_F(ShardEvaluationTest, KeepsATaskThatComesWhileItsWorkerIsAway) {
  Connect(1);
  shard.OnDisconnect(ConnectionId(1), now);
  SendTask(7);
  EXPECT_TRUE(Tasks(1).empty());
  Connect(2, 0xdef);
  EXPECT_TRUE(Tasks(2).empty()) << "another worker got it";
  Connect(3);
  EXPECT_EQ(Tasks(3), (std::vector<std::uint64_t>{7}));
}

TEST_F(ShardEvaluationTest, ForgetsTasksWithTheirRound) {
  Connect(1);
  SendTask(8, 1);
  SendTask(9, 2);
  Tell(EvaluationRelease{1});
  Connect(2);
  EXPECT_EQ(Tasks(2), (std::vector<std::uint64_t>{9}));
}

}  // namespace
}  // namespace stillhouse::replay
