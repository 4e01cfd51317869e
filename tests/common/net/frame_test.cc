#include "common/net/frame.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "common/base/rng.h"

namespace stillhouse {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes Pack(std::uint8_t kind, const Bytes& body) {
  const auto header = MakeFrameHeader(kind, body);
  Bytes frame(header.begin(), header.end());
  frame.insert(frame.end(), body.begin(), body.end());
  return frame;
}

struct Frame {
  std::uint8_t kind;
  Bytes body;
  bool operator==(const Frame&) const = default;
};

/// All frames of `stream`, fed in pieces of random sizes.
std::vector<Frame> ParseInPieces(const Bytes& stream, std::size_t max_body, Rng& rng) {
  FrameParser parser(max_body);
  std::vector<Frame> frames;
  for (std::size_t at = 0; at < stream.size();) {
    const std::size_t piece = std::min(stream.size() - at, std::size_t{1} + rng.Below(40));
    parser.Append(std::span(stream).subspan(at, piece));
    at += piece;
    while (const auto frame = parser.Next()) {
      frames.push_back({frame->kind, Bytes(frame->body.begin(), frame->body.end())});
    }
  }
  return frames;
}

TEST(FrameTest, HeaderIsTheDocumentedSixteenBytes) {
  const Bytes body = {1, 2, 3};
  const auto header = MakeFrameHeader(7, body);
  const Bytes expected_start = {'S', 'H', 'W', 'F', 1, 7, 0, 0, 3, 0, 0, 0};
  EXPECT_EQ(Bytes(header.begin(), header.begin() + 12), expected_start);
  Bytes checked = expected_start;
  checked.insert(checked.end(), body.begin(), body.end());
  const std::uint32_t crc = Crc32c(checked);
  for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(header[12 + i], (crc >> (8 * i)) & 0xffU);
}

TEST(FrameTest, AnyCutOfTheStreamGivesTheSameFrames) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    Bytes stream;
    std::vector<Frame> sent;
    for (int i = 0; i < 20; ++i) {
      Bytes body(rng.Below(100));
      for (auto& byte : body) byte = static_cast<std::uint8_t>(rng());
      const auto kind = static_cast<std::uint8_t>(rng());
      const Bytes frame = Pack(kind, body);
      stream.insert(stream.end(), frame.begin(), frame.end());
      sent.push_back({kind, std::move(body)});
    }
    EXPECT_EQ(ParseInPieces(stream, 100, rng), sent);
  }
}

TEST(FrameTest, EverySingleBitFlipIsRefusedOrKeepsTheParserWaiting) {
  const Bytes frame = Pack(3, {10, 20, 30, 40, 50});
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    Bytes damaged = frame;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    FrameParser parser(1000000000);
    parser.Append(damaged);
    try {
      // A larger claimed length makes it wait for more; a frame must not come out.
      EXPECT_FALSE(parser.Next().has_value()) << "bit " << bit;
    } catch (const WireError&) {
    }
  }
}

TEST(FrameTest, RandomBytesNeverBecomeAFrameAndNeverGrowTheParser) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    Rng rng(seed);
    Bytes noise(1 + rng.Below(64));
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(rng());
    if (seed % 2 == 0) {  // half of them get past the magic
      const Bytes start = {'S', 'H', 'W', 'F', 1};
      for (std::size_t i = 0; i < std::min(start.size(), noise.size()); ++i) noise[i] = start[i];
    }
    FrameParser parser(4096);
    parser.Append(noise);
    try {
      EXPECT_FALSE(parser.Next().has_value()) << "seed " << seed;
    } catch (const WireError&) {
    }
    EXPECT_LE(parser.BufferedBytes(), noise.size());
  }
}

TEST(FrameTest, AClaimedLengthAboveTheBoundIsRefusedBeforeTheBodyArrives) {
  const Bytes frame = Pack(0, Bytes(101));
  FrameParser parser(100);
  parser.Append(std::span(frame).first(kFrameHeaderBytes));
  EXPECT_THROW(parser.Next(), WireError);
}

TEST(FrameTest, ARaisedBoundAppliesToTheNextFrame) {
  FrameParser parser(4);
  parser.Append(Pack(1, {1, 2, 3, 4}));
  ASSERT_TRUE(parser.Next().has_value());
  parser.SetMaxBodyBytes(8);
  parser.Append(Pack(2, Bytes(8)));
  const auto frame = parser.Next();
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->body.size(), 8U);
}

TEST(FrameTest, AForeignProtocolIsRefusedOnItsFirstByte) {
  FrameParser parser(100);
  const std::string http = "G";
  parser.Append({reinterpret_cast<const std::uint8_t*>(http.data()), http.size()});
  EXPECT_THROW(parser.Next(), WireError);
}

}  // namespace
}  // namespace stillhouse
