#include "common/net/tcp_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/net/frame.h"
#include "tests/common/net/tcp_fixture.h"

namespace stillhouse {
namespace {

using Bytes = std::vector<std::uint8_t>;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

TEST_F(TcpTransportTest, FramesOfAllSizesArriveInOrderBothWays) {
  Listen();
  Dial();
  const ConnectionId id = at_server.connected[0];
  server->MarkAuthenticated(id);
  std::vector<std::size_t> sizes = {0, 1, 100, 8192, 8193, 65536, 3000000, 5, 0};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Bytes body(sizes[i], static_cast<std::uint8_t>(i));
    EXPECT_TRUE(client->Send(static_cast<std::uint8_t>(i), body));
    EXPECT_TRUE(
        server->Send(id, static_cast<std::uint8_t>(i), std::make_shared<const Bytes>(body)));
  }
  ASSERT_TRUE(RunUntil([&] {
    return at_server.frames.size() == sizes.size() && at_client.frames.size() == sizes.size();
  }));
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    for (const auto* frames : {&at_server.frames, &at_client.frames}) {
      EXPECT_EQ((*frames)[i].first, i);
      EXPECT_EQ((*frames)[i].second, Bytes(sizes[i], static_cast<std::uint8_t>(i)));
    }
  }
  EXPECT_EQ(client->QueuedBytes(), 0U);
}

TEST_F(TcpTransportTest, ATakenPortIsNamedInTheError) {
  Listen();
  try {
    TcpServer second(loop, {.listen = server->Address()}, at_client, [](const std::string&) {});
    FAIL() << "listened twice";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr(server->Address()));
  }
}

TEST_F(TcpTransportTest, AClientSaysWhatItTriedAndForHowLong) {
  Listen();
  const std::string address = server->Address();
  server.reset();
  client.emplace(loop, ConnectionId(7), address, TcpClientOptions{}, at_client,
                 [](const std::string&) {});
  const auto tried_twice = [&] {
    return client->Trouble().find("(2 attempts in 0.") != std::string::npos;
  };
  ASSERT_TRUE(RunUntil(tried_twice)) << client->Trouble();
  EXPECT_THAT(client->Trouble(), HasSubstr(address + ": Connection refused (2 attempts in 0."));

  Listen({.listen = address});
  ASSERT_TRUE(RunUntil([&] { return client->Connected(); }));
  EXPECT_EQ(client->Trouble(), "");
  server.reset();
  ASSERT_TRUE(RunUntil([&] { return !client->Connected(); }));
  EXPECT_THAT(client->Trouble(), HasSubstr(address + ": closed by the peer (0 attempts"));
}

TEST_F(TcpTransportTest, BeforeTheHandshakeALargeFrameClosesTheConnection) {
  Listen();
  Dial();
  client->Send(1, Bytes(5000));
  ASSERT_TRUE(RunUntil([&] { return !at_server.gone.empty(); }));
  EXPECT_TRUE(at_server.frames.empty());
  EXPECT_THAT(log, HasSubstr("4096"));
}

TEST_F(TcpTransportTest, AConnectionWithoutHandshakeIsClosedAtTheDeadline) {
  Listen({.handshake_deadline = milliseconds(50)});
  Dial();
  ASSERT_TRUE(RunUntil([&] { return !at_server.gone.empty(); }));
  EXPECT_THAT(log, HasSubstr("no handshake within 50 ms"));
}

TEST_F(TcpTransportTest, AnAuthenticatedConnectionOutlivesTheDeadline) {
  Listen({.handshake_deadline = milliseconds(30)});
  Dial();
  server->MarkAuthenticated(at_server.connected[0]);
  EXPECT_FALSE(RunUntil([&] { return !at_server.gone.empty(); }, milliseconds(100)));
}

TEST_F(TcpTransportTest, GarbageClosesOneConnectionAndLeavesTheOthers) {
  Listen();
  Dial();
  const int fd = DialRaw();
  ASSERT_GT(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 0);
  ASSERT_TRUE(RunUntil([&] { return at_server.gone.size() == 1; }));
  EXPECT_NE(at_server.gone.begin()->first, at_server.connected[0]);
  EXPECT_THAT(log, HasSubstr("magic"));
  EXPECT_TRUE(client->Connected());
  close(fd);
}

TEST_F(TcpTransportTest, AHandlerThatThrowsWireErrorHasItsConnectionClosedWithTheReason) {
  Listen();
  Dial();
  client->Send(99, Bytes{});
  ASSERT_TRUE(RunUntil([&] { return !at_server.gone.empty(); }));
  EXPECT_THAT(at_server.gone.begin()->second, HasSubstr("kind 99 makes no sense"));
}

TEST_F(TcpTransportTest, AReaderTooSlowIsClosedWhenItsQueueIsFull) {
  Listen({.max_queued_bytes = 100000});
  const int fd = DialRaw();
  ASSERT_TRUE(RunUntil([&] { return !at_server.connected.empty(); }));
  const ConnectionId id = at_server.connected[0];
  server->MarkAuthenticated(id);
  // The kernel's buffers take a few megabytes before the queue begins to grow.
  bool open = true;
  for (int i = 0; i < 100000 && open; ++i) {
    open = server->Send(id, 1, Bytes(1000));
    loop.RunOnce(milliseconds(0));
  }
  EXPECT_FALSE(open);
  ASSERT_TRUE(RunUntil([&] { return !at_server.gone.empty(); }));
  EXPECT_THAT(log, HasSubstr("too slowly"));
  close(fd);
}

TEST_F(TcpTransportTest, AConnectionThatIsNotReadDeliversNothingUntilItIsReadAgain) {
  Listen();
  Dial();
  at_server.on_frame = [&](ConnectionId id) { server->SetReading(id, false); };
  for (std::uint8_t i = 0; i < 5; ++i) client->Send(i, Bytes(10));
  ASSERT_TRUE(RunUntil([&] { return at_server.frames.size() == 1; }));
  EXPECT_FALSE(RunUntil([&] { return at_server.frames.size() > 1; }, milliseconds(50)));
  at_server.on_frame = nullptr;
  server->SetReading(at_server.connected[0], true);
  ASSERT_TRUE(RunUntil([&] { return at_server.frames.size() == 5; }));
  for (std::uint8_t i = 0; i < 5; ++i) EXPECT_EQ(at_server.frames[i].first, i);
}

TEST_F(TcpTransportTest, CloseStillSendsWhatIsQueued) {
  Listen();
  Dial();
  const ConnectionId id = at_server.connected[0];
  server->Send(id, 2, Bytes(500000));
  server->Close(id, "refused");
  EXPECT_FALSE(server->Send(id, 3, Bytes(1)));
  ASSERT_TRUE(RunUntil([&] { return at_client.frames.size() == 1 && at_server.gone.count(id); }));
  EXPECT_EQ(at_server.gone[id], "refused");
}

TEST_F(TcpTransportTest, AClientConnectsAgainWhenItsServerComesBack) {
  Listen();
  Dial();
  const std::string address = server->Address();
  server.reset();
  ASSERT_TRUE(RunUntil([&] { return !client->Connected(); }));
  EXPECT_FALSE(client->Send(1, Bytes(1)));
  at_server.connected.clear();
  Listen({.listen = address});
  ASSERT_TRUE(RunUntil([&] { return client->Connected(); }));
  EXPECT_EQ(at_client.connected.size(), 2U);
}

TEST_F(TcpTransportTest, ReconnectMakesANewConnection) {
  Listen();
  Dial();
  client->Reconnect("test");
  EXPECT_FALSE(client->Connected());
  ASSERT_TRUE(RunUntil([&] { return at_client.connected.size() == 2; }));
  EXPECT_EQ(at_client.gone[ConnectionId(7)], "test");
}

TEST_F(TcpTransportTest, ConnectionsAboveTheLimitAreClosedAtOnce) {
  Listen({.max_connections = 1});
  Dial();
  server->MarkAuthenticated(at_server.connected[0]);
  const int fd = DialRaw();
  ASSERT_TRUE(RunUntil([&] { return !log.empty(); }));
  EXPECT_THAT(log, HasSubstr("refused, 1 connections"));
  EXPECT_EQ(server->Connections(), 1U);
  close(fd);
}

TEST(HostPortTest, ParsesAndRefuses) {
  EXPECT_EQ(HostPort::Parse("node7:4000").host, "node7");
  EXPECT_EQ(HostPort::Parse("[::1]:80").host, "::1");
  EXPECT_EQ(HostPort::Parse("[::1]:80").ToString(), "[::1]:80");
  for (const char* bad : {"", "host", ":5", "host:", "host:70000", "host:1x", "::1:5"}) {
    EXPECT_THROW(HostPort::Parse(bad), ConfigError) << bad;
  }
}

}  // namespace
}  // namespace stillhouse
