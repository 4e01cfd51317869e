#include "common/base/crc32c.h"

#include <cstring>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

std::vector<std::uint8_t> Bytes(std::string_view text) { return {text.begin(), text.end()}; }

/// One bit at a time, straight from the polynomial.
std::uint32_t SlowCrc32c(const std::vector<std::uint8_t>& bytes) {
  std::uint32_t crc = ~0U;
  for (const auto byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
  }
  return ~crc;
}

TEST(Crc32cTest, GivesTheCheckValueOfTheStandard) {
  EXPECT_EQ(Crc32c(Bytes("123456789")), 0xE3069283U);
  EXPECT_EQ(Crc32c({}), 0U);
}

TEST(Crc32cTest, GivesTheVectorsOfRfc3720) {
  EXPECT_EQ(Crc32c(std::vector<std::uint8_t>(32, 0)), 0x8A9136AAU);
  EXPECT_EQ(Crc32c(std::vector<std::uint8_t>(32, 0xff)), 0x62A8AB43U);
}

TEST(Crc32cTest, AgreesWithTheSlowWayAtEveryLength) {
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < 70; ++i) {
    EXPECT_EQ(Crc32c(bytes), SlowCrc32c(bytes)) << bytes.size();
    bytes.push_back(static_cast<std::uint8_t>(i * 37 + 11));
  }
}

TEST(Crc32cTest, ContinuesWhereAnEarlierCallStopped) {
  const auto all = Bytes("replay segments and frames");
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    const std::span whole(all);
    EXPECT_EQ(Crc32c(whole.subspan(cut), Crc32c(whole.first(cut))), Crc32c(all)) << cut;
  }
}

}  // namespace
}  // namespace stillhouse
