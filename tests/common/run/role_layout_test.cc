#include "common/run/role_layout.h"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/config/config_load.h"

namespace stillhouse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr RoleAddress kCoordinator{RoleKind::kCoordinator, 0};
constexpr RoleAddress kLearner{RoleKind::kLearner, 0};
RoleAddress StudentHost(std::uint16_t i) { return {RoleKind::kStudentHost, i}; }
RoleAddress Shard(std::uint16_t i) { return {RoleKind::kShard, i}; }
RoleAddress ActorHost(std::uint16_t i) { return {RoleKind::kActorHost, i}; }

/// Two shards, so many students, and what else is given.
RunConfig Config(int students, const std::string& more = "") {
  RunConfig config = LoadConfigText("env: {id: classic/cart_pole}\n" + more, "c.yaml");
  for (int i = 0; i < students; ++i) {
    StudentSettings student;
    student.name = "s" + std::to_string(i);
    config.students.push_back(student);
  }
  return config;
}

std::string ErrorOf(const RunConfig& config, int ranks) {
  try {
    MakeRoleLayout(config, ranks, 4);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(RoleLayoutTest, OneRankPlaysEverything) {
  const RoleLayout layout = MakeRoleLayout(Config(2), 1, 4);
  EXPECT_THAT(layout.ranks, ElementsAre(ElementsAre(kCoordinator, kLearner, StudentHost(0),
                                                    Shard(0), Shard(1), ActorHost(0))));
  EXPECT_THAT(layout.students_of_host, ElementsAre(ElementsAre(0, 1)));
  EXPECT_THAT(layout.workers_of_actor_host, ElementsAre(2));  // 4 cores - learner - student host
}

TEST(RoleLayoutTest, TwoRanksPartLearningFromPlaying) {
  const RoleLayout layout = MakeRoleLayout(Config(1), 2, 2);
  EXPECT_THAT(layout.ranks, ElementsAre(ElementsAre(kCoordinator, kLearner, StudentHost(0)),
                                        ElementsAre(Shard(0), Shard(1), ActorHost(0))));
}

TEST(RoleLayoutTest, LearnersHaveTheFirstRanks) {
  const RunConfig config = Config(1, "teacher: {learners: 2}\n");
  const RoleAddress second{RoleKind::kLearner, 1};
  EXPECT_THAT(MakeRoleLayout(config, 5, 2).ranks,
              ElementsAre(ElementsAre(kCoordinator, kLearner), ElementsAre(second),
                          ElementsAre(StudentHost(0)), ElementsAre(Shard(0), Shard(1)),
                          ElementsAre(ActorHost(0))));
  EXPECT_THAT(MakeRoleLayout(config, 2, 2).ranks,
              ElementsAre(ElementsAre(kCoordinator, kLearner, StudentHost(0)),
                          ElementsAre(second, Shard(0), Shard(1), ActorHost(0))));
  EXPECT_THAT(ErrorOf(config, 1), HasSubstr("2 learners need 2 ranks, the job has 1"));
}

TEST(RoleLayoutTest, ThreeRanksGiveTheStudentsTheirOwn) {
  const RoleLayout layout = MakeRoleLayout(Config(2), 3, 2);
  EXPECT_THAT(layout.ranks,
              ElementsAre(ElementsAre(kCoordinator, kLearner), ElementsAre(StudentHost(0)),
                          ElementsAre(Shard(0), Shard(1), ActorHost(0))));
  EXPECT_THAT(MakeRoleLayout(Config(0), 3, 2).ranks,
              ElementsAre(ElementsAre(kCoordinator, kLearner), ElementsAre(Shard(0), Shard(1)),
                          ElementsAre(ActorHost(0))));
}

TEST(RoleLayoutTest, EveryRoleHasItsRankWhenEnoughAreThere) {
  const RoleLayout layout = MakeRoleLayout(Config(2), 6, 2);
  EXPECT_THAT(layout.ranks,
              ElementsAre(ElementsAre(kCoordinator, kLearner), ElementsAre(StudentHost(0)),
                          ElementsAre(StudentHost(1)), ElementsAre(Shard(0)), ElementsAre(Shard(1)),
                          ElementsAre(ActorHost(0))));
  EXPECT_THAT(layout.students_of_host, ElementsAre(ElementsAre(0), ElementsAre(1)));
  EXPECT_EQ(layout.RankOf(RoleKind::kShard, 1), 4);
  EXPECT_TRUE(layout.Plays(5, RoleKind::kActorHost));
  EXPECT_FALSE(layout.Plays(5, RoleKind::kShard));
}

TEST(RoleLayoutTest, FurtherRanksBecomeActorHosts) {
  const RoleLayout layout = MakeRoleLayout(Config(1), 8, 9);
  EXPECT_EQ(layout.Count(RoleKind::kActorHost), 4);
  EXPECT_THAT(layout.workers_of_actor_host, ElementsAre(2, 2, 2, 1));  // 9 - 2 = 7
  EXPECT_EQ(layout.Workers(), 7);
}

TEST(RoleLayoutTest, EachActorHostHasAWorkerHoweverFewTheCores) {
  EXPECT_THAT(MakeRoleLayout(Config(1), 7, 1).workers_of_actor_host, ElementsAre(1, 1, 1));
}

TEST(RoleLayoutTest, ExplicitActorHostsMoveInWithOthersWhenRanksAreFew) {
  const RoleLayout layout = MakeRoleLayout(Config(0, "actors: {hosts: 3}\n"), 3, 8);
  EXPECT_THAT(layout.ranks, ElementsAre(ElementsAre(kCoordinator, kLearner, ActorHost(0)),
                                        ElementsAre(Shard(0), Shard(1), ActorHost(1)),
                                        ElementsAre(ActorHost(2))));
}

TEST(RoleLayoutTest, ADeterministicRunHasOneWorkerOnAnyMachine) {
  const RunConfig config = Config(1, "run: {deterministic: true}\n");
  EXPECT_EQ(MakeRoleLayout(config, 1, 64).Workers(), 1);
  EXPECT_THAT(ErrorOf(config, 2), HasSubstr("run.deterministic: one process"));
}

TEST(RoleLayoutTest, ImpossibleLayoutsSayWhy) {
  EXPECT_THAT(ErrorOf(Config(0, "actors: {hosts: 3}\n"), 2),
              HasSubstr("actors.hosts: 3 hosts need 3 ranks, the job has 2"));
  EXPECT_THAT(ErrorOf(Config(0, "actors: {hosts: 1}\n"), 6),
              HasSubstr("leaves 2 of 6 ranks without a role"));
  EXPECT_THAT(ErrorOf(Config(0, "actors: {workers: 2}\n"), 7),
              HasSubstr("actors.workers: 2 are fewer than the 4 actor hosts"));
  EXPECT_THAT(
      ErrorOf(Config(0, "actors: {workers: 1, shards_per_worker: 1}\n"), 4),
      HasSubstr("actors.shards_per_worker: 1 workers that write to 1 each leave some of the "
                "2 shards"));
  EXPECT_THAT(
      ErrorOf(Config(0, "replay: {shards: 4}\nactors: {workers: 2, shards_per_worker: 2}\n"), 6),
      HasSubstr("leave some of the 4 shards"))
      << "they are neighbours: 0 and 1, 1 and 2";
  EXPECT_EQ(
      ErrorOf(Config(0, "replay: {shards: 4}\nactors: {workers: 2, shards_per_worker: 3}\n"), 6),
      "");
  EXPECT_THAT(ErrorOf(Config(0, "run: {deterministic: true}\nactors: {shards_per_worker: 1}\n"), 1),
              HasSubstr("actors.shards_per_worker: the worker of a deterministic run"));
  // Enough for one worker, not for the two that four cores ask for.
  EXPECT_THAT(ErrorOf(Config(1, "replay: {tolerance: 20000}\n"), 1),
              HasSubstr("replay.tolerance: 20000 is below"));
}

TEST(RoleLayoutTest, EveryRoleIsPlayedOnceAndNoRankIsIdle) {
  for (int students = 0; students < 5; ++students) {
    for (int shards = 1; shards < 5; ++shards) {
      for (int ranks = 1; ranks < 16; ++ranks) {
        RunConfig config = Config(students);
        config.replay.shards = shards;
        const RoleLayout layout = MakeRoleLayout(config, ranks, 4);
        SCOPED_TRACE(testing::Message()
                     << students << " students, " << shards << " shards, " << ranks << " ranks");
        EXPECT_EQ(layout.Count(RoleKind::kShard), shards);
        EXPECT_LE(layout.Count(RoleKind::kStudentHost), students);
        std::multiset<std::int32_t> served;
        for (const auto& host : layout.students_of_host) {
          EXPECT_FALSE(host.empty());
          served.insert(host.begin(), host.end());
        }
        EXPECT_EQ(served.size(), static_cast<std::size_t>(students));
        EXPECT_EQ(std::set<std::int32_t>(served.begin(), served.end()).size(), served.size());
        for (const auto& roles : layout.ranks) EXPECT_FALSE(roles.empty());
        for (int shard = 0; shard < shards; ++shard) layout.RankOf(RoleKind::kShard, shard);
      }
    }
  }
}

}  // namespace
}  // namespace stillhouse
