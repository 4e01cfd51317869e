// How long students go on with a teacher that has learnt all it will.
#include <gmock/gmock.h>

#include "tests/common/run/coordinator_fixture.h"

namespace stillhouse {
namespace {

using namespace testing_support;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Coordinator::Settings FrozenJob() {
  auto settings = SmallJob();
  settings.config.teacher.algorithm.kind = AlgorithmSettings::Kind::kFrozen;
  settings.config.stop = {};
  settings.config.stop.updates = 500;
  return settings;
}

class CoordinatorTailTest : public CoordinatorTest {
 protected:
  explicit CoordinatorTailTest(Coordinator::Settings settings = FrozenJob())
      : CoordinatorTest(std::move(settings)) {}
  void StudentAt(std::uint64_t updates, double agreement) {
    Say(kStudent, StudentReport{{{1, updates, 1, 0.5, agreement}}});
    Tick();
  }
  bool StudentsAskedToStop() { return !out_.To<Freeze>(kStudent).empty(); }
};

TEST_F(CoordinatorTailTest, AFrozenTeacherIsGrantedNoSampleAndItsTailBeginsWhenTheStoreIsFull) {
  ReportShards(30);
  ASSERT_TRUE(PlayUntil([&] { return !out_.To<Freeze>(kLearner).empty(); }));
  EXPECT_EQ(coordinator_.Scores().random_return, 1.0) << "what random play returns comes first";
  for (int turn = 0; turn < 5; ++turn) Tick();
  EXPECT_EQ(coordinator_.Phase(), RunPhase::kTrain) << "actors fill the store";
  ReportShards(50);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Phase() == RunPhase::kTail; }));
  EXPECT_THAT(out_.To<SampleGrant>(kLearner), IsEmpty());
  StudentAt(499, 0.5);
  EXPECT_FALSE(StudentsAskedToStop());
  StudentAt(500, 0.5);
  EXPECT_TRUE(StudentsAskedToStop());
  EXPECT_THAT(recorder_.notes, HasSubstr("of tail: stop.updates"));
}

class CoordinatorPlateauTest : public CoordinatorTailTest {
 protected:
  CoordinatorPlateauTest() : CoordinatorTailTest(PlateauJob()) {}
  static Coordinator::Settings PlateauJob() {
    auto settings = SmallJob();
    settings.config.stop.distill_tail = 10;
    settings.config.stop.plateau = 200;
    return settings;
  }
};

TEST_F(CoordinatorPlateauTest, ATailEndsAtAPlateauAndSaysWhy) {
  ReportShards(10);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Scores().random_return == 1.0; }));
  StudentAt(1000, 0.5);  // the teacher still learns: nobody looks
  StudentAt(3000, 0.5);
  ReportShards(500);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Phase() == RunPhase::kTail; }));
  StudentAt(3000, 0.5);
  StudentAt(3150, 0.6);
  StudentAt(3349, 0.6);
  EXPECT_FALSE(StudentsAskedToStop());
  StudentAt(3350, 0.6);
  EXPECT_TRUE(StudentsAskedToStop());
  EXPECT_THAT(recorder_.notes, HasSubstr("no agreement has risen for 200 updates: small 0.600"));
}

Coordinator::Settings StoredJob() {
  auto settings = SmallJob();
  settings.config.replay.from = "runs/pole";
  settings.config.stop = {};
  settings.config.stop.updates = 500;
  return settings;
}

class CoordinatorStoredTest : public CoordinatorTailTest {
 protected:
  CoordinatorStoredTest() : CoordinatorTailTest(StoredJob()) {}
};

TEST_F(CoordinatorStoredTest, StoredExperienceGrowsByNothingAndIsSampledAtAnyRate) {
  ReportShards(500);
  Tick();
  EXPECT_THAT(out_.To<InsertGrant>(Shard(0)), IsEmpty());
  ASSERT_EQ(out_.To<SampleGrant>(kLearner).size(), 1U);
  EXPECT_GT(out_.To<SampleGrant>(kLearner)[0].allowance, std::uint64_t{1} << 60U);
}

}  // namespace
}  // namespace stillhouse
