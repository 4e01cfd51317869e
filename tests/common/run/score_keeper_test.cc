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

TEST(ScoreKeeperTest, ASourceContributesWhatIsReturnedMoreThanWithoutIt) {
  ScoreKeeper keeper({{"teacher", ModelScore::Kind::kTeacher, 10, 20, 1},
                      {"both", ModelScore::Kind::kStudent, 5, 9, 1},
                      {"one", ModelScore::Kind::kStudent, 5, 9, 1}},
                     3, {{0, 1, "second"}});
  RoundResult result;
  result.round = 1;
  result.kind = RoundKind::kPeriodic;
  result.models.resize(3);
  for (std::uint16_t model = 0; model < 3; ++model) result.models[model].model.model = model;
  result.models[0].returns = {100, 100};
  result.models[1].returns = {90, 70};
  result.models[2].returns = {60, 60};
  keeper.OnRound(result);
  const auto& contributions = keeper.Board().models[1].contributions;
  ASSERT_EQ(contributions.size(), 1U);
  EXPECT_EQ(contributions[0].source, "second");
  EXPECT_EQ(contributions[0].without, "one");
  EXPECT_DOUBLE_EQ(contributions[0].returns.difference, 20);
  EXPECT_DOUBLE_EQ(contributions[0].returns.difference_ci95.low, 10);
  EXPECT_DOUBLE_EQ(contributions[0].returns.difference_ci95.high, 30);
  keeper.OnRound(result);
  EXPECT_EQ(keeper.Board().models[1].contributions.size(), 1U) << "not once more each round";
  EXPECT_TRUE(keeper.Board().models[2].contributions.empty());
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
