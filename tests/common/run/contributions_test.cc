#include "common/run/contributions.h"

#include <gmock/gmock.h>

namespace stillhouse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

StudentSettings Student(const std::string& name, std::vector<SourceSettings> from) {
  StudentSettings student;
  student.name = name;
  student.from = std::move(from);
  return student;
}
SourceSettings Of(const std::string& model, double weight = 1) {
  SourceSettings source;
  source.model = model;
  source.weight = weight;
  return source;
}

TEST(FindAblationsTest, AStudentWithoutOneOfTheSourcesTellsWhatItContributes) {
  EXPECT_THAT(FindAblations({Student("second", {}), Student("both", {Of("teacher"), Of("second")}),
                             Student("one", {Of("teacher")}), Student("other", {Of("second")})}),
              UnorderedElementsAre(Ablation{1, 2, "second"}, Ablation{1, 3, "teacher"},
                                   Ablation{2, 0, "teacher"}, Ablation{3, 0, "second"}));
}

TEST(FindAblationsTest, TheOtherSourcesKeepTheirProportions) {
  const auto three = Student("three", {Of("a", 2), Of("b", 1), Of("c", 1)});
  EXPECT_THAT(FindAblations({three, Student("two", {Of("b", 10), Of("a", 20)})}),
              ElementsAre(Ablation{0, 1, "c"}));
  EXPECT_THAT(FindAblations({three, Student("two", {Of("a", 1), Of("b", 1)})}), IsEmpty());
}

TEST(FindAblationsTest, ASourceOfOneContextIsAnotherSource) {
  SourceSettings player = Of("player"), walker = Of("walker");
  player.where = "breakout";
  walker.where = "freeway";
  const auto both = Student("both", {player, walker});
  EXPECT_THAT(FindAblations({both, Student("one", {player})}),
              ElementsAre(Ablation{0, 1, "walker"}));
  EXPECT_THAT(FindAblations({both, Student("one", {Of("player")})}), IsEmpty());
}

TEST(FindAblationsTest, StudentsThatDifferInAnythingElseSayNothing) {
  auto both = Student("both", {Of("teacher"), Of("second")});
  auto one = Student("one", {Of("teacher")});
  one.optimizer.learning_rate *= 2;
  EXPECT_THAT(FindAblations({both, one}), IsEmpty());
  one = Student("one", {Of("teacher")});
  one.loss.temperature = 3;
  EXPECT_THAT(FindAblations({both, one}), IsEmpty());
}

TEST(FindAblationsTest, RewardsAloneAreTheAblationOfKickStarting) {
  auto kicked = Student("kicked", {Of("teacher")});
  kicked.rewards.emplace();
  kicked.rewards->lambda.from = 0.5;
  kicked.loss.temperature = 3;
  auto scratch = Student("scratch", {});
  scratch.rewards.emplace();
  EXPECT_THAT(FindAblations({kicked, scratch}), ElementsAre(Ablation{0, 1, "teacher"}));
  scratch.rewards->target_update += 1;
  EXPECT_THAT(FindAblations({kicked, scratch}), IsEmpty());
}

}  // namespace
}  // namespace stillhouse
