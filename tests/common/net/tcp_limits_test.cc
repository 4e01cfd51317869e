// What strangers and slow readers may cost a server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/net/descriptor_limit.h"
#include "common/net/frame.h"
#include "common/net/log_throttle.h"
#include "tests/common/net/tcp_fixture.h"

namespace stillhouse {
namespace {

using Bytes = std::vector<std::uint8_t>;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TcpLimitsTest : public TcpTransportTest {
 protected:
  ~TcpLimitsTest() override {
    for (const int fd : raw) close(fd);
  }
  /// A connection by hand, taken by the server.
  ConnectionId Raw() {
    const std::size_t before = at_server.connected.size();
    raw.push_back(DialRaw());
    EXPECT_TRUE(RunUntil([&] { return at_server.connected.size() > before; }));
    return at_server.connected.back();
  }
  /// Fills what the kernel takes, and then the queue, up to about `bytes` of it.
  void Fill(ConnectionId id, std::size_t bytes) {
    std::size_t queued = 0;
    while (queued < bytes && server->Send(id, 1, Bytes(10000))) {
      queued += 10000;
      loop.RunOnce(milliseconds(0));
    }
  }
  /// Reads until nothing comes for a while.
  std::size_t Drain(int fd) {
    std::size_t total = 0;
    Bytes buffer(1U << 20U);
    for (int quiet = 0; quiet < 5;) {
      const ssize_t got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got > 0) total += static_cast<std::size_t>(got);
      quiet = got > 0 ? 0 : quiet + 1;
      loop.RunOnce(milliseconds(2));
    }
    return total;
  }
  std::vector<int> raw;
};

TEST_F(TcpLimitsTest, TheOldestStrangerMakesRoomForTheNextOne) {
  Listen({.max_strangers = 2});
  const ConnectionId first = Raw();
  const ConnectionId known = Raw();
  server->MarkAuthenticated(known);
  const ConnectionId second = Raw();
  EXPECT_TRUE(at_server.gone.empty());
  const ConnectionId third = Raw();
  ASSERT_TRUE(RunUntil([&] { return at_server.gone.size() == 1; }));
  EXPECT_TRUE(at_server.gone.contains(first));
  Raw();
  ASSERT_TRUE(RunUntil([&] { return at_server.gone.size() == 2; }));
  EXPECT_TRUE(at_server.gone.contains(second));
  EXPECT_FALSE(at_server.gone.contains(third));
  EXPECT_EQ(server->Connections(), 3U);
}

TEST_F(TcpLimitsTest, StrangersCannotTakeAllConnections) {
  Listen({.max_connections = 2});
  const ConnectionId stranger = Raw();
  Raw();
  const ConnectionId late = Raw();
  ASSERT_TRUE(RunUntil([&] { return at_server.gone.contains(stranger); }));
  EXPECT_FALSE(at_server.gone.contains(late));
}

TEST_F(TcpLimitsTest, FramesOfAPeerThatDoesNotReadAreLeftUnreadUntilItDoes) {
  Listen({.hold_above_bytes = 100000});
  const ConnectionId id = Raw();
  server->MarkAuthenticated(id);
  int asked = 0;
  at_server.on_frame = [&](ConnectionId from) {
    ++asked;
    server->Send(from, 2, Bytes(50000));
  };
  const auto header = MakeFrameHeader(1, {});
  int sent = 0;
  for (; sent < 2000; ++sent) {
    ASSERT_EQ(send(raw[0], header.data(), header.size(), MSG_DONTWAIT), 16);
    loop.RunOnce(milliseconds(0));
  }
  RunUntil([] { return false; }, milliseconds(50));
  // The kernel takes a few megabytes; of the rest no more than the limit and one answer waits.
  EXPECT_LT(asked, 500);
  const int before = asked;
  EXPECT_TRUE(at_server.gone.empty());
  std::size_t got = 0;
  while (asked < sent) {
    const std::size_t more = Drain(raw[0]);
    ASSERT_GT(more, 0U) << asked << " of " << sent;
    got += more;
  }
  got += Drain(raw[0]);
  EXPECT_GT(asked, before);
  EXPECT_EQ(asked, sent);
  EXPECT_EQ(got, static_cast<std::size_t>(sent) * (50000 + kFrameHeaderBytes));
}

TEST_F(TcpLimitsTest, APeerThatTakesNothingForTooLongIsClosed) {
  Listen({.stall_limit = milliseconds(200)});
  const ConnectionId idle = Raw();
  const ConnectionId slow = Raw();
  server->MarkAuthenticated(idle);
  server->MarkAuthenticated(slow);
  Fill(slow, 15000000);
  ASSERT_TRUE(RunUntil([&] { return at_server.gone.contains(slow); }));
  EXPECT_THAT(log, HasSubstr("has taken nothing for 0.2 s"));
  EXPECT_FALSE(at_server.gone.contains(idle)) << "nothing waits for it";
}

TEST_F(TcpLimitsTest, WhatWaitsForAllIsBoundedAndTheSlowestGoes) {
  Listen({.max_total_queued_bytes = 8U << 20U});
  const ConnectionId slow = Raw();
  const ConnectionId slower = Raw();
  for (const ConnectionId id : {slow, slower}) server->MarkAuthenticated(id);
  // How much of it the kernel takes varies: none to all of the first, ten megabytes of the second.
  Fill(slow, 3000000);
  EXPECT_TRUE(at_server.gone.empty());
  Fill(slower, 40000000);
  ASSERT_TRUE(RunUntil([&] { return !at_server.gone.empty(); }));
  EXPECT_THAT(log, HasSubstr("wait for all connections"));
  EXPECT_TRUE(at_server.gone.contains(slower));
  EXPECT_FALSE(at_server.gone.contains(slow));
}

TEST(DescriptorLimitTest, IsRaisedAsFarAsTheSystemLets) {
  const std::size_t now = AllowDescriptors(0);
  EXPECT_GE(AllowDescriptors(now + 1), now);
  EXPECT_GE(AllowDescriptors(~std::size_t{0}), now);
}

TEST(LogThrottleTest, LeavesOutWhatIsTooMuchAndSaysHowMuchThatWas) {
  std::vector<std::string> lines;
  std::chrono::steady_clock::time_point time{};
  const NetLog log = ThrottledLog([&](const std::string& line) { lines.push_back(line); }, 2,
                                  std::chrono::seconds(10), [&] { return time; });
  for (const char* line : {"a", "b", "c", "d"}) log(line);
  time += std::chrono::seconds(9);
  log("e");
  EXPECT_THAT(lines, ElementsAre("a", "b"));
  time += std::chrono::seconds(3);
  log("f");
  EXPECT_THAT(lines,
              ElementsAre("a", "b", "3 more lines about connections in 12 s were left out", "f"));
}

TEST(LogThrottleTest, MakesALinePrintableAndCutsIt) {
  std::vector<std::string> lines;
  const NetLog log = ThrottledLog([&](const std::string& line) { lines.push_back(line); });
  log("a\nFATAL b\x1b[31m\t");
  log(std::string(5000, 'x'));
  EXPECT_EQ(lines[0], "a?FATAL b?[31m?");
  EXPECT_EQ(lines[1].size(), 300U);
}

}  // namespace
}  // namespace stillhouse
