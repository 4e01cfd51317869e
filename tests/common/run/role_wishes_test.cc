#include "common/run/role_wishes.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/config/config_load.h"
#include "common/run/role_layout.h"

namespace stillhouse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr RoleAddress kLearner{RoleKind::kLearner, 0};

/// Two shards and two students, and what else is given.
RunConfig Config(const std::string& more = "") {
  RunConfig config = LoadConfigText("env: {id: classic/cart_pole}\n" + more, "c.yaml");
  for (const char* name : {"a", "b"}) {
    StudentSettings student;
    student.name = name;
    config.students.push_back(student);
  }
  return config;
}

std::string ErrorOf(const std::vector<std::string>& roles, const std::string& more = "") {
  try {
    MakeRoleLayout(Config(more), ParseWishes(roles), 4);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(RoleWishesTest, NamesRolesByShortAndLongWords) {
  EXPECT_THAT(ParseRoles("shard"), ElementsAre(RoleKind::kShard));
  EXPECT_THAT(ParseRoles("actor_host,student,learner"),
              ElementsAre(RoleKind::kActorHost, RoleKind::kStudentHost, RoleKind::kLearner));
  for (const char* wrong : {"", "lerner", "shard,", "coordinator", "shard,shard", "shard actor"}) {
    EXPECT_THROW(ParseRoles(wrong), ConfigError) << wrong;
  }
}

TEST(RoleWishesTest, AnUnknownRoleNamesItsRank) {
  EXPECT_THAT(ErrorOf({"learner", "lerner"}),
              AllOf(HasSubstr("unknown role 'lerner'"), HasSubstr("rank 1")));
}

TEST(RoleWishesTest, WithoutAnyTheConfigurationDecides) {
  EXPECT_EQ(MakeRoleLayout(Config(), ParseWishes({"", "", ""}), 4).ranks,
            MakeRoleLayout(Config(), 3, 4).ranks);
}

TEST(RoleWishesTest, EveryRankPlaysWhatItWasTold) {
  const RoleLayout layout = MakeRoleLayout(
      Config(), ParseWishes({"shard", "learner", "student", "actor", "actor,shard"}), 8);
  EXPECT_THAT(layout.ranks[0], ElementsAre(kCoordinatorAddress, RoleAddress{RoleKind::kShard, 0}));
  EXPECT_THAT(layout.ranks[1], ElementsAre(kLearner));
  EXPECT_THAT(layout.ranks[2], ElementsAre(RoleAddress{RoleKind::kStudentHost, 0}));
  EXPECT_THAT(layout.ranks[3], ElementsAre(RoleAddress{RoleKind::kActorHost, 0}));
  EXPECT_THAT(layout.ranks[4],
              ElementsAre(RoleAddress{RoleKind::kShard, 1}, RoleAddress{RoleKind::kActorHost, 1}));
  EXPECT_THAT(layout.students_of_host, ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(layout.workers_of_actor_host, ElementsAre(3, 3));  // 8 - learner - student host
}

TEST(RoleWishesTest, ShardsShareTheRanksThatPlayThem) {
  const RoleLayout layout =
      MakeRoleLayout(Config(), ParseWishes({"learner,student,actor", "shard"}), 4);
  EXPECT_THAT(layout.ranks[1],
              ElementsAre(RoleAddress{RoleKind::kShard, 0}, RoleAddress{RoleKind::kShard, 1}));
}

TEST(RoleWishesTest, ANeededRoleWithoutARankIsAnErrorThatShowsWhoPlaysWhat) {
  const std::string no_shard = ErrorOf({"learner", "student", "actor"});
  EXPECT_THAT(no_shard, HasSubstr("no rank plays shard"));
  EXPECT_THAT(no_shard, HasSubstr("0 learner, 1 student, 2 actor"));
  EXPECT_THAT(ErrorOf({"shard", "student", "actor"}), HasSubstr("no rank plays learner"));
  EXPECT_THAT(ErrorOf({"learner", "shard", "actor"}), HasSubstr("no rank plays student"));
  EXPECT_THAT(ErrorOf({"learner", "shard", "student"}), HasSubstr("no rank plays actor"));
  const std::string several = ErrorOf({"learner", "learner"});
  EXPECT_THAT(several, HasSubstr("no rank plays shard"));
  EXPECT_THAT(several, HasSubstr("2 ranks play learner"));
}

TEST(RoleWishesTest, RanksWithoutWorkAreAnError) {
  EXPECT_THAT(ErrorOf({"learner", "shard", "shard", "shard", "student", "actor"}),
              HasSubstr("3 ranks play shard, at most 2 can: replay.shards is 2"));
  EXPECT_THAT(ErrorOf({"learner,student", "student", "student", "shard", "actor"}),
              HasSubstr("there are 2 students"));
  EXPECT_THAT(ErrorOf({"learner,student", "shard", "actor"}, "actors: {hosts: 2, workers: 2}"),
              HasSubstr("actors.hosts is 2, but 1 ranks play actor"));
}

TEST(RoleWishesTest, ARankThatWasForgottenIsNamed) {
  EXPECT_THAT(ErrorOf({"learner,student,shard", "", "actor"}), HasSubstr("rank 1 has no --role"));
}

}  // namespace
}  // namespace stillhouse
