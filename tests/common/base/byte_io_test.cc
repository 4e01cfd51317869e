#include "common/base/byte_io.h"

#include <string>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

TEST(ByteWriterTest, WritesLittleEndian) {
  ByteWriter out;
  out.Put(std::uint32_t{0x01020304});
  out.Put(std::int16_t{-2});
  EXPECT_EQ(out.Take(), (std::vector<std::uint8_t>{4, 3, 2, 1, 0xfe, 0xff}));
}

TEST(ByteWriterTest, PutsLengthsBeforeVectorsAndStrings) {
  ByteWriter out;
  out.PutString("ab");
  out.PutVector(std::vector<std::uint16_t>{7});
  EXPECT_EQ(out.Take(), (std::vector<std::uint8_t>{2, 0, 0, 0, 'a', 'b', 1, 0, 0, 0, 7, 0}));
}

TEST(ByteWriterTest, AlignFillsWithZeros) {
  ByteWriter out;
  out.Put(std::uint8_t{1});
  out.Align(4);
  out.Align(4);
  EXPECT_EQ(out.Take(), (std::vector<std::uint8_t>{1, 0, 0, 0}));
}

TEST(ByteReaderTest, ReadsBackWhatWasWritten) {
  ByteWriter out;
  out.Put(3.5);
  out.PutString("hello");
  out.PutVector(std::vector<float>{1, -2});
  out.Align(8);
  out.Put(std::uint8_t{1});
  const auto bytes = out.Take();
  ByteReader in(bytes, "test");
  EXPECT_EQ(in.Get<double>(), 3.5);
  EXPECT_EQ(in.GetString(), "hello");
  EXPECT_EQ(in.GetVector<float>(), (std::vector<float>{1, -2}));
  in.Align(8);
  EXPECT_TRUE(in.GetBool());
  EXPECT_EQ(in.Left(), 0U);
  in.ExpectEnd();
}

TEST(ByteReaderTest, SaysWhatWhereExpectedAndFound) {
  const std::vector<std::uint8_t> bytes = {1, 2, 3};
  ByteReader in(bytes, "chunk 71");
  in.Get<std::uint8_t>();
  try {
    in.Get<std::uint32_t>();
    FAIL() << "read beyond the end";
  } catch (const WireError& error) {
    EXPECT_EQ(std::string(error.what()), "chunk 71: byte 1 of 3: 4 more bytes needed, 2 left");
  }
}

TEST(ByteReaderTest, AHugeCountIsRefusedBeforeItIsAllocated) {
  const std::vector<std::uint8_t> bytes = {0xff, 0xff, 0xff, 0xff, 0};
  ByteReader in(bytes, "test");
  EXPECT_THROW(in.GetVector<double>(), WireError);
  ByteReader again(bytes, "test");
  // 2^61 + 1 doubles are 8 bytes when the multiplication wraps.
  EXPECT_THROW(again.GetArray<double>((std::size_t{1} << 61) + 1), WireError);
}

TEST(ByteReaderTest, FlagsAreZeroOrOne) {
  const std::vector<std::uint8_t> bytes = {2};
  ByteReader in(bytes, "test");
  EXPECT_THROW(in.GetBool(), WireError);
}

enum class Colour : std::uint8_t { kRed, kBlue };

TEST(ByteReaderTest, EnumeratorsEndAtTheLast) {
  const std::vector<std::uint8_t> bytes = {1, 2};
  ByteReader in(bytes, "test");
  EXPECT_EQ(in.GetEnum(Colour::kBlue), Colour::kBlue);
  EXPECT_THROW(in.GetEnum(Colour::kBlue), WireError);
}

TEST(ByteReaderTest, LeftoverBytesAreAnError) {
  const std::vector<std::uint8_t> bytes = {1};
  EXPECT_THROW(ByteReader(bytes, "test").ExpectEnd(), WireError);
}

}  // namespace
}  // namespace stillhouse
