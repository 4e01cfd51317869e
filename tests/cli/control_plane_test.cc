#include "cli/control_plane.h"

#include <chrono>
#include <csignal>
#include <memory>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/clock.h"

namespace stillhouse::cli {
namespace {

using namespace std::chrono_literals;

const NetLog kNoLog = [](const std::string&) {};

class ControlPlaneTest : public ::testing::Test {
 protected:
  std::unique_ptr<ControlSpoke> Spoke(std::uint32_t rank, const std::string& secret = "secret") {
    return std::make_unique<ControlSpoke>(loop_, clock_, rank, hub_->Address(), secret, kNoLog);
  }
  template <typename Predicate>
  bool Until(Predicate predicate, Time limit = 5s) {
    const Time deadline = clock_.Now() + limit;
    while (!predicate()) {
      if (clock_.Now() > deadline) return false;
      loop_.RunOnce(2ms);
    }
    return true;
  }
  SteadyClock clock_;
  EventLoop loop_;
  std::unique_ptr<ControlHub> hub_ =
      std::make_unique<ControlHub>(loop_, clock_, 3, "127.0.0.1:0", "secret", kNoLog);
};

TEST_F(ControlPlaneTest, ASpokeThatGoesIsADeathWithinTwoSecondsAndTheOthersStay) {
  auto one = Spoke(1);
  auto two = Spoke(2);
  ASSERT_TRUE(Until([&] { return hub_->Connected() == 2; }));
  EXPECT_TRUE(hub_->TakeDeaths().empty());
  const Time gone = clock_.Now();
  two.reset();  // this process lives, so only its absence tells
  std::vector<RankWatch::Death> deaths;
  ASSERT_TRUE(Until([&] { return !(deaths = hub_->TakeDeaths()).empty(); }));
  EXPECT_LE(clock_.Now() - gone, Time(2s));
  ASSERT_EQ(deaths.size(), 1U);
  EXPECT_EQ(deaths[0].rank, 2U);
  EXPECT_EQ(hub_->Connected(), 1U);
  EXPECT_FALSE(one->Orphaned());
  // It comes back, too late: it is told so.
  two = Spoke(2);
  ASSERT_TRUE(Until([&] { return two->Orphaned().has_value(); }));
}

TEST_F(ControlPlaneTest, AProcessThatIsKilledIsADeathAtOnce) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    EventLoop loop;
    ControlSpoke spoke(loop, clock_, 1, hub_->Address(), "secret", kNoLog);
    while (true) loop.RunOnce(100ms);
  }
  ASSERT_TRUE(Until([&] { return hub_->Connected() == 1; }));
  // Stopped is not dead.
  kill(child, SIGSTOP);
  EXPECT_FALSE(Until([&] { return !hub_->TakeDeaths().empty(); }, 2s));
  kill(child, SIGKILL);
  const Time killed = clock_.Now();
  ASSERT_TRUE(Until([&] { return !hub_->TakeDeaths().empty(); }));
  EXPECT_LE(clock_.Now() - killed, Time(500ms)) << "it is a zombie: nobody waits for it";
  waitpid(child, nullptr, 0);
}

// A rank may die while it reads its log back, when rank 0 does not yet look either.
TEST_F(ControlPlaneTest, AnIntroductionIsEnoughForADeathToBeNoticed) {
  EventLoop own;
  ControlSpoke one(loop_, clock_, 1, hub_->Address(), "secret", kNoLog);
  auto two = std::make_unique<ControlSpoke>(own, clock_, 2, hub_->Address(), "secret", kNoLog);
  const Time deadline = clock_.Now() + 5s;
  while (!two->Introduced() && clock_.Now() < deadline) own.RunOnce(2ms);
  ASSERT_TRUE(two->Introduced());
  two.reset();
  const Time gone = clock_.Now();
  std::vector<RankWatch::Death> deaths;
  ASSERT_TRUE(Until([&] { return !(deaths = hub_->TakeDeaths()).empty(); }));
  EXPECT_EQ(deaths[0].rank, 2U);
  EXPECT_LE(clock_.Now() - gone, Time(2s));
}

TEST_F(ControlPlaneTest, WithoutTheHubSpokesAreOrphans) {
  auto one = Spoke(1);
  ASSERT_TRUE(Until([&] { return hub_->Connected() == 1; }));
  EXPECT_FALSE(one->Orphaned());
  const Time gone = clock_.Now();
  hub_.reset();
  ASSERT_TRUE(Until([&] { return one->Orphaned().has_value(); }));
  EXPECT_LE(clock_.Now() - gone, Time(2s));
}

TEST_F(ControlPlaneTest, AGoodbyeSendsEveryoneHomeAndIsNoDeath) {
  auto one = Spoke(1);
  auto two = Spoke(2);
  ASSERT_TRUE(Until([&] { return hub_->Connected() == 2; }));
  hub_->SayGoodbye(Parting::kAtOnce);
  ASSERT_TRUE(Until([&] { return one->Dismissed() && two->Dismissed(); }));
  EXPECT_EQ(*one->Dismissed(), Parting::kAtOnce);
  ASSERT_TRUE(Until([&] { return hub_->Connected() == 0; }));
  EXPECT_TRUE(hub_->TakeDeaths().empty());
  EXPECT_FALSE(one->Orphaned());
}

TEST_F(ControlPlaneTest, WhoDoesNotKnowTheSecretIsNobody) {
  auto stranger = Spoke(1, "guess");
  EXPECT_FALSE(Until([&] { return hub_->Connected() > 0; }, 500ms));
}

TEST_F(ControlPlaneTest, WhoIsGivenUpIsToldSo) {
  auto one = Spoke(1);
  ASSERT_TRUE(Until([&] { return hub_->Connected() == 1; }));
  hub_->GiveUp(1, "silent for 300 s");
  EXPECT_EQ(hub_->TakeDeaths().size(), 1U);
  ASSERT_TRUE(Until([&] { return one->Orphaned().has_value(); }));
  EXPECT_NE(one->Orphaned()->find("silent for 300 s"), std::string::npos);
}

}  // namespace
}  // namespace stillhouse::cli
