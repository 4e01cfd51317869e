#include "actors/env/minatar/minatar_stream.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace stillhouse::actors {
namespace {

TEST(MinAtarStreamTest, GivesTheWordsOfTheStandardTwister) {
  for (const std::uint32_t seed : {0U, 1U, 4294967295U}) {
    MinAtarStream stream(seed);
    std::mt19937 expected(seed);
    for (int i = 0; i < 2000; ++i) ASSERT_EQ(stream.Next(), expected()) << seed << ", word " << i;
  }
}

TEST(MinAtarStreamTest, RandomTakesTwoWords) {
  MinAtarStream stream(5);
  std::mt19937 words(5);
  for (int i = 0; i < 10; ++i) {
    const auto high = static_cast<double>(words() >> 5);
    const auto low = static_cast<double>(words() >> 6);
    EXPECT_EQ(stream.Random(), (high * 0x1p26 + low) * 0x1p-53);
  }
}

TEST(MinAtarStreamTest, IntegerRedrawsWordsAboveTheRange) {
  MinAtarStream stream(9);
  std::mt19937 words(9);
  for (int i = 0; i < 200; ++i) {
    auto value = static_cast<std::uint32_t>(words()) & 7U;
    while (value > 4) value = static_cast<std::uint32_t>(words()) & 7U;
    ASSERT_EQ(stream.Integer(1, 6), 1 + static_cast<int>(value));
  }
}

TEST(MinAtarStreamTest, IntegerOfOneValueDrawsNothing) {
  MinAtarStream stream(9);
  std::mt19937 words(9);
  EXPECT_EQ(stream.Integer(3, 4), 3);
  EXPECT_EQ(stream.Next(), words());
}

TEST(MinAtarStreamTest, LoadRefusesAnImpossiblePosition) {
  ByteWriter out;
  MinAtarStream(1).Save(out);
  auto bytes = out.Take();
  bytes[bytes.size() - 4] = 0x71;  // 625, little-endian
  ByteReader in(bytes, "stream");
  MinAtarStream stream;
  EXPECT_THROW(stream.Load(in), WireError);
}

}  // namespace
}  // namespace stillhouse::actors
