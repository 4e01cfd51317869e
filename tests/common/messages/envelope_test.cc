#include "common/messages/envelope.h"

#include <set>
#include <string>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/messages/control.h"

namespace stillhouse {
namespace {

Envelope Sample() {
  return {{RoleKind::kShard, 0x0102}, {RoleKind::kLearner, 3}, MessageKind::kSampleReply, {9, 8}};
}

TEST(EnvelopeTest, PutsAnEightByteTrailerBehindTheBody) {
  const std::vector<std::uint8_t> expected = {
      9,    8,    static_cast<std::uint8_t>(RoleKind::kShard),
      0x02, 0x01, static_cast<std::uint8_t>(RoleKind::kLearner),
      3,    0,    static_cast<std::uint8_t>(MessageKind::kSampleReply),
      4};
  EXPECT_EQ(PackEnvelope(Sample()), expected);
}

TEST(EnvelopeTest, ComesBackAsItWent) {
  const Envelope back = UnpackEnvelope(PackEnvelope(Sample()));
  EXPECT_EQ(back.from, Sample().from);
  EXPECT_EQ(back.to, Sample().to);
  EXPECT_EQ(back.kind, Sample().kind);
  EXPECT_EQ(back.body, Sample().body);
}

TEST(EnvelopeTest, RefusesLessThanATrailer) {
  EXPECT_THROW(UnpackEnvelope({}), WireError);
  EXPECT_THROW(UnpackEnvelope(std::vector<std::uint8_t>(kTrailerBytes - 1)), WireError);
}

TEST(EnvelopeTest, RefusesUnknownRolesKindsAndVersions) {
  // Places in the trailer: from kind 0, to kind 3, message kind 6, version 7.
  for (const std::size_t place : {0U, 3U, 6U, 7U}) {
    auto bytes = PackEnvelope(Sample());
    bytes[bytes.size() - kTrailerBytes + place] = 0xee;
    EXPECT_THROW(UnpackEnvelope(bytes), WireError) << place;
  }
}

TEST(EnvelopeTest, EveryMessageHasANameOfItsOwn) {
  std::set<std::string> names;
  for (int kind = 0; kind <= static_cast<int>(kLastMessageKind); ++kind) {
    EXPECT_TRUE(names.insert(MessageName(static_cast<MessageKind>(kind))).second) << kind;
  }
  EXPECT_EQ(names.count("unknown"), 0U);
}

TEST(EnvelopeTest, RolesNameThemselves) {
  EXPECT_EQ((RoleAddress{RoleKind::kStudentHost, 2}).ToString(), "student_host 2");
}

class Recorder final : public Outbox {
 public:
  void Send(Envelope envelope) override { sent.push_back(std::move(envelope)); }
  std::vector<Envelope> sent;
};

TEST(SendToTest, EncodesAndDecodeBodyDecodes) {
  Recorder out;
  SendTo(out, {RoleKind::kLearner, 0}, kCoordinatorAddress, InsertGrant{41});
  ASSERT_EQ(out.sent.size(), 1U);
  EXPECT_EQ(out.sent[0].kind, MessageKind::kInsertGrant);
  EXPECT_EQ(out.sent[0].to, kCoordinatorAddress);
  EXPECT_EQ(DecodeBody<InsertGrant>(out.sent[0]).allowance, 41U);
}

}  // namespace
}  // namespace stillhouse
