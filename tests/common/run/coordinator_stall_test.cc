#include "tests/common/run/coordinator_fixture.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;

class CoordinatorStallTest : public CoordinatorTest {
 protected:
  /// Time passes, second by second, in which only rank 0 says that it lives.
  void Stand(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      now_ += 1s;
      Say(kLearner, RankReport{0, "coordinator+learner", "box", 7, 0, 0});
      Tick();
    }
  }
  bool Noted(const std::string& text) const {
    return recorder_.notes.find(text) != std::string::npos;
  }
};

TEST_F(CoordinatorStallTest, SaysWhoWaitsForWhomAfterHalfAMinute) {
  ReportShards(10);
  Say(Shard(1), RankReport{3, "shard", "box", 99, 0, 0});
  LearnerReport learner;
  learner.wait = LearnerWait::kReplies;
  learner.owing_shards = {1};
  Say(kLearner, learner);
  Stand(29);
  EXPECT_FALSE(Noted("no progress")) << recorder_.notes;
  Stand(3);
  EXPECT_TRUE(Noted("no progress for 30 s")) << recorder_.notes;
  EXPECT_TRUE(Noted("the learner waits for sample replies of shard 1"));
  EXPECT_TRUE(Noted("rank 3 (shard, box, pid 99), which has said nothing"));
  ReportShards(11);
  Stand(1);
  EXPECT_TRUE(Noted("progress again"));
  EXPECT_TRUE(coordinator_.TakeHopeless().empty());
}

TEST_F(CoordinatorStallTest, GivesASilentRankUpThatHoldsEverythingUpForTooLong) {
  ReportShards(10);
  Say(Shard(1), RankReport{3, "shard", "box", 99, 0, 0});
  Stand(299);
  EXPECT_TRUE(coordinator_.TakeHopeless().empty());
  Stand(5);
  EXPECT_EQ(coordinator_.TakeHopeless(), std::vector<std::uint32_t>{3});
  Stand(5);
  EXPECT_TRUE(coordinator_.TakeHopeless().empty()) << "once";
}

TEST_F(CoordinatorStallTest, OurOwnAbsenceMakesNobodySilent) {
  ReportShards(10);
  Say(Shard(1), RankReport{3, "shard", "box", 99, 0, 0});
  Tick();
  now_ += 3600s;
  Tick();
  EXPECT_FALSE(Noted("rank 3")) << recorder_.notes;
  EXPECT_TRUE(coordinator_.TakeHopeless().empty());
}

}  // namespace
}  // namespace stillhouse
