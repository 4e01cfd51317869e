#include "actors/actor_host.h"

#include <deque>
#include <map>

#include <gtest/gtest.h>

namespace stillhouse::actors {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct FakeLauncher final : ProcessLauncher {
  std::int64_t Start(const WorkerLaunch& launch) override {
    launches.push_back(launch);
    running[++last_pid] = launch.index;
    return last_pid;
  }
  std::vector<Exit> Poll() override { return std::exchange(exits, {}); }
  std::optional<std::vector<std::int64_t>> TakeBeats() override { return beats; }
  void Stop(std::int64_t pid, bool at_once) override {
    (at_once ? killed : asked).push_back(pid);
    if (at_once || obedient) End(pid, 143);
  }
  void End(std::int64_t pid, int status) {
    if (running.erase(pid) > 0) exits.push_back({pid, status});
  }
  std::int64_t PidOf(std::uint32_t index) const {
    for (const auto& [pid, worker] : running) {
      if (worker == index) return pid;
    }
    return 0;
  }
  std::vector<WorkerLaunch> launches;
  std::map<std::int64_t, std::uint32_t> running;
  std::vector<Exit> exits;
  std::vector<std::int64_t> asked;
  std::vector<std::int64_t> killed;
  std::optional<std::vector<std::int64_t>> beats;  ///< nullopt: they are not listened for
  std::int64_t last_pid = 100;
  bool obedient = true;
};

struct Outgoing final : Outbox {
  void Send(Envelope envelope) override { sent.push_back(std::move(envelope)); }
  std::size_t Count(MessageKind kind) const {
    return static_cast<std::size_t>(
        std::count_if(sent.begin(), sent.end(), [&](const Envelope& e) { return e.kind == kind; }));
  }
  std::deque<Envelope> sent;
};

class ActorHostTest : public ::testing::Test {
 protected:
  void Connect(Time now = {}) { Deliver(EndpointTable{{"a:1", "b:2"}, "secret"}, now); }
  template <typename Body>
  void Tell(ActorHost& host, const Body& body, Time now) {
    Outgoing packed;
    SendTo(packed, kCoordinatorAddress, host.Address(), body);
    host.Handle(packed.sent.front(), now, out_);
  }
  template <typename Body>
  void Deliver(const Body& body, Time now) {
    Tell(host_, body, now);
  }
  FakeLauncher launcher_;
  Outgoing out_;
  ActorHost host_{{.index = 1, .first_worker = 4, .workers = 2, .workers_of_job = 6}, launcher_};
};

TEST_F(ActorHostTest, StartsItsWorkersOnceItKnowsTheShards) {
  host_.Tick(seconds(1), out_);
  EXPECT_TRUE(launcher_.launches.empty());
  Connect(seconds(2));
  ASSERT_EQ(launcher_.launches.size(), 2U);
  EXPECT_EQ(launcher_.launches[0].index, 4U);
  EXPECT_EQ(launcher_.launches[1].index, 5U);
  EXPECT_EQ(launcher_.launches[0].addresses, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_EQ(launcher_.launches[0].token, "secret");
  EXPECT_EQ(host_.Alive(), 2U);
}

TEST_F(ActorHostTest, AWorkerIsGivenSomeOfTheShardsAndOnlyLivingOnes) {
  ActorHost host{{.workers = 3, .workers_of_job = 3, .shards_per_worker = 2}, launcher_};
  Tell(host, EndpointTable{{"a:1", "b:2", "c:3"}, "secret"}, {});
  ASSERT_EQ(launcher_.launches.size(), 3U);
  EXPECT_EQ(launcher_.launches[0].addresses, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_EQ(launcher_.launches[1].addresses, (std::vector<std::string>{"c:3", "b:2"}));
  EXPECT_EQ(launcher_.launches[2].addresses, (std::vector<std::string>{"c:3", "a:1"}));
  RunStatus status;
  status.dead_shards = {1};
  Tell(host, status, seconds(1));
  launcher_.End(launcher_.PidOf(1), 1);
  host.Tick(seconds(2), out_);
  host.Tick(seconds(3), out_);
  ASSERT_EQ(launcher_.launches.size(), 4U);
  EXPECT_EQ(launcher_.launches[3].addresses, (std::vector<std::string>{"a:1", "c:3"}));
}

TEST_F(ActorHostTest, AWorkerWhoseShardsHaveAllDiedIsStartedAgainWithOthers) {
  ActorHost host{{.workers = 3, .workers_of_job = 3, .shards_per_worker = 1}, launcher_};
  Tell(host, EndpointTable{{"a:1", "b:2", "c:3"}, "secret"}, {});
  RunStatus status;
  status.dead_shards = {1};
  Tell(host, status, seconds(1));
  EXPECT_EQ(launcher_.killed.size(), 1U) << "nobody else could tell it";
  host.Tick(seconds(2), out_);
  ASSERT_EQ(launcher_.launches.size(), 4U);
  EXPECT_EQ(launcher_.launches[3].index, 1U);
  EXPECT_EQ(launcher_.launches[3].addresses, (std::vector<std::string>{"c:3"}));
}

TEST_F(ActorHostTest, ACrashedWorkerComesBackAfterABackOffThatDoubles) {
  Connect();
  Time now{};
  for (const int expected_ms : {200, 400, 800, 1600, 3200, 5000, 5000}) {
    launcher_.End(launcher_.PidOf(4), 139);
    host_.Tick(now, out_);
    EXPECT_EQ(launcher_.PidOf(4), 0);
    host_.Tick(now + milliseconds(expected_ms - 1), out_);
    EXPECT_EQ(launcher_.PidOf(4), 0) << expected_ms;
    now += milliseconds(expected_ms);
    host_.Tick(now, out_);
    EXPECT_NE(launcher_.PidOf(4), 0) << expected_ms;
  }
  EXPECT_EQ(host_.Restarts(), 7U);
  EXPECT_EQ(host_.Alive(), 2U);
}

TEST_F(ActorHostTest, ALongLifeStartsTheBackOffAnew) {
  Connect();
  Time now{};
  for (int i = 0; i < 4; ++i) {
    launcher_.End(launcher_.PidOf(4), 1);
    host_.Tick(now, out_);
    now += seconds(6);
    host_.Tick(now, out_);
  }
  now += seconds(31);
  launcher_.End(launcher_.PidOf(4), 1);
  host_.Tick(now, out_);
  host_.Tick(now + milliseconds(200), out_);
  EXPECT_NE(launcher_.PidOf(4), 0);
}

TEST_F(ActorHostTest, AWorkerThatWasToldToLeaveStaysGone) {
  Connect();
  launcher_.End(launcher_.PidOf(5), 0);
  for (int s = 0; s < 20; ++s) host_.Tick(seconds(s), out_);
  EXPECT_EQ(launcher_.PidOf(5), 0);
  EXPECT_EQ(host_.Restarts(), 0U);
}

TEST_F(ActorHostTest, ReportsEverySecondAndOnChange) {
  Connect();
  for (int ms = 0; ms <= 3000; ms += 10) host_.Tick(milliseconds(ms), out_);
  EXPECT_EQ(out_.Count(MessageKind::kHostReport), 4U);
  launcher_.End(launcher_.PidOf(4), 1);
  host_.Tick(milliseconds(3010), out_);
  EXPECT_EQ(out_.Count(MessageKind::kHostReport), 5U);
  const auto report = DecodeBody<HostReport>(out_.sent.back());
  EXPECT_EQ(report.alive, 1U);
  EXPECT_EQ(report.restarts, 1U);
}

TEST_F(ActorHostTest, LeaveEndsTheWorkersAndIsAnswered) {
  Connect();
  Deliver(Leave{}, seconds(5));
  EXPECT_EQ(launcher_.asked.size(), 2U);
  EXPECT_TRUE(host_.HasLeft());
  EXPECT_EQ(out_.Count(MessageKind::kLeft), 1U);
  host_.Tick(seconds(60), out_);
  EXPECT_EQ(launcher_.launches.size(), 2U);
  EXPECT_EQ(out_.Count(MessageKind::kLeft), 1U);
}

TEST_F(ActorHostTest, AWorkerThatDoesNotListenIsKilledAfterTheGrace) {
  launcher_.obedient = false;
  Connect();
  Deliver(Leave{}, seconds(5));
  host_.Tick(milliseconds(6900), out_);
  EXPECT_FALSE(host_.HasLeft());
  EXPECT_TRUE(launcher_.killed.empty());
  host_.Tick(seconds(7), out_);
  EXPECT_EQ(launcher_.killed.size(), 2U);
  host_.Tick(milliseconds(7010), out_);
  EXPECT_TRUE(host_.HasLeft());
}

TEST_F(ActorHostTest, AWorkerWithoutASignOfLifeIsKilledAndStartedAgain) {
  launcher_.beats.emplace();
  Connect();
  const auto silent = launcher_.PidOf(4);
  const auto lively = launcher_.PidOf(5);
  launcher_.beats = {lively};
  Time now{};
  while (launcher_.killed.empty() && now < seconds(60)) {
    now += milliseconds(500);
    host_.Tick(now, out_);
  }
  EXPECT_GT(now, Time(seconds(30)));
  EXPECT_LE(now, Time(seconds(31)));
  EXPECT_EQ(launcher_.killed, std::vector<std::int64_t>{silent});
  EXPECT_EQ(host_.Hangs(), 1U);
  for (int i = 0; i < 4; ++i) host_.Tick(now += milliseconds(500), out_);
  EXPECT_NE(launcher_.PidOf(4), 0);
  EXPECT_NE(launcher_.PidOf(4), silent);
  EXPECT_EQ(launcher_.PidOf(5), lively);
}

TEST_F(ActorHostTest, ItsOwnAbsenceIsNotCountedAgainstItsWorkers) {
  launcher_.beats.emplace();
  Connect();
  host_.Tick(seconds(1), out_);
  host_.Tick(seconds(3600), out_);
  EXPECT_TRUE(launcher_.killed.empty());
}

TEST_F(ActorHostTest, WhereNobodyListensForBeatsNobodyIsKilled) {
  Connect();
  for (int i = 1; i < 100; ++i) host_.Tick(seconds(i) / 2, out_);
  EXPECT_TRUE(launcher_.killed.empty());
}

}  // namespace
}  // namespace stillhouse::actors
