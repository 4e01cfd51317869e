#include <chrono>
#include <cstdint>
#include <map>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/rng.h"
#include "common/comm/communicator.h"
#include "common/comm/mpi_session.h"

namespace stillhouse::comm {
namespace {

MpiSession* session = nullptr;

std::vector<std::uint8_t> MessageOf(int from, int to, std::uint32_t number) {
  Rng rng(1, static_cast<std::uint64_t>(from * 100 + to), number);
  // Small and large ones mixed: eager and rendezvous must not overtake each other.
  std::vector<std::uint8_t> bytes(4 + rng.Below(number % 7 == 0 ? 300000 : 300));
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng());
  for (int i = 0; i < 4; ++i) {
    bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  return bytes;
}

TEST(CommunicatorTest, MessagesOfEveryPairArriveWholeAndInOrder) {
  constexpr std::uint32_t kMessages = 200;
  Communicator communicator;
  const int size = session->Size();
  for (std::uint32_t n = 0; n < kMessages; ++n) {
    for (int to = 0; to < size; ++to) {
      communicator.Send(to, MessageOf(session->Rank(), to, n));
    }
  }
  std::map<int, std::uint32_t> next;
  std::size_t received = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (received < static_cast<std::size_t>(size) * kMessages || communicator.PendingSends() > 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << received;
    for (auto& message : communicator.Poll()) {
      const std::uint32_t number = next[message.rank]++;
      ASSERT_EQ(message.bytes, MessageOf(message.rank, session->Rank(), number));
      ++received;
    }
  }
  EXPECT_EQ(session->MaxOverRanks(session->Rank()), size - 1);
}

TEST(CommunicatorTest, RankZerosBytesReachEveryRank) {
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  EXPECT_EQ(session->FromRankZero(session->Rank() == 0 ? bytes : std::vector<std::uint8_t>{}),
            bytes);
}

TEST(CommunicatorTest, SendingNeverWaitsForAReceiverThatDoesNotPoll) {
  Communicator communicator;
  const int to = (session->Rank() + 1) % session->Size();
  for (std::uint32_t n = 0; n < 20; ++n) {
    communicator.Send(to, std::vector<std::uint8_t>(1U << 20U, 7));
  }
  std::size_t received = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (received < 20 || communicator.PendingSends() > 0) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    received += communicator.Poll().size();
  }
  session->MaxOverRanks(0);  // nobody leaves before all are served
}

}  // namespace
}  // namespace stillhouse::comm

// Output on rank 0 alone; a failure on any rank fails the job.
int main(int argc, char** argv) {
  stillhouse::comm::MpiSession mpi(&argc, &argv);
  stillhouse::comm::session = &mpi;
  testing::InitGoogleTest(&argc, argv);
  if (mpi.Rank() != 0) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
  }
  return mpi.MaxOverRanks(RUN_ALL_TESTS());
}
