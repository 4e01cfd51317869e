#include "common/run/score_keeper.h"

#include <vector>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

ScoreKeeper Keeper() {
  return ScoreKeeper({{"teacher", ModelScore::Kind::kTeacher, 10, 20, 1},
                      {"small", ModelScore::Kind::kStudent, 5, 9, 1}},
                     3);
}

void Play(ScoreKeeper& keeper, std::uint32_t round, RoundKind kind, double teacher,
          double student) {
  RoundResult result;
  result.round = round;
  result.kind = kind;
  result.models.resize(kind == RoundKind::kRandom ? 1 : 2);
  for (std::size_t model = 0; model < result.models.size(); ++model) {
    result.models[model].model.model = static_cast<std::uint16_t>(model);
    const double value = model == 0 ? teacher : student;
    result.models[model].returns = {value, value};
  }
  keeper.OnRound(result);
}

TEST(ScoreKeeperTest, RetentionIsNotKnownBeforeATeacherWasEvaluated) {
  auto keeper = Keeper();
  EXPECT_TRUE(keeper.Retention().empty());
  Play(keeper, 1, RoundKind::kRandom, 20, 0);
  EXPECT_TRUE(keeper.Retention().empty());
  Play(keeper, 2, RoundKind::kPeriodic, 120, 70);
  ASSERT_EQ(keeper.Retention().size(), 2U);
  EXPECT_FLOAT_EQ(keeper.Retention()[1], 0.5F);
}

TEST(ScoreKeeperTest, TheBestRoundIsOneOfALiveTeacherAndOutlivesAResume) {
  auto keeper = Keeper();
  Play(keeper, 1, RoundKind::kRandom, 20, 0);
  EXPECT_EQ(keeper.BestRound(), 0U);
  Play(keeper, 2, RoundKind::kPeriodic, 100, 70);
  EXPECT_EQ(keeper.BestRound(), 2U);
  Play(keeper, 3, RoundKind::kPeriodic, 90, 70);
  Play(keeper, 4, RoundKind::kFinal, 500, 70);
  EXPECT_EQ(keeper.BestRound(), 2U);
  ByteWriter out;
  keeper.Save(out);
  const auto bytes = out.Take();
  auto resumed = Keeper();
  ByteReader in(bytes, "scores");
  resumed.Load(in);
  in.ExpectEnd();
  EXPECT_EQ(resumed.BestRound(), 0U) << "no round of this attempt was better";
  EXPECT_EQ(resumed.Retention(), keeper.Retention());
  Play(resumed, 1, RoundKind::kPeriodic, 95, 70);
  EXPECT_EQ(resumed.BestRound(), 0U);
  Play(resumed, 2, RoundKind::kPeriodic, 101, 70);
  EXPECT_EQ(resumed.BestRound(), 2U);
}

}  // namespace
}  // namespace stillhouse
