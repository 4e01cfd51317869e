#include "common/run/checkpoint_manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/base/crc32c.h"
#include "common/base/error.h"

namespace stillhouse {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::HasSubstr;

CheckpointManifest Sample() {
  CheckpointManifest manifest;
  manifest.facts.updates = 7;
  manifest.facts.frames = 99;
  manifest.facts.attempt = 2;
  manifest.facts.phase = "tail";
  manifest.facts.reused["small"] = 2.5;
  manifest.files = {{"teacher.state", 40, 17}, {"coordinator.state", 3, 4000000000}};
  return manifest;
}

/// A manifest whose checksum is right, whatever else it says.
std::string Checked(Json json) {
  json.erase("crc32c");
  const std::string bare = json.dump();
  json["crc32c"] = Crc32c({reinterpret_cast<const std::uint8_t*>(bare.data()), bare.size()});
  return json.dump();
}

/// The sample with one value replaced.
std::string With(const std::string& pointer, const Json& value) {
  Json json = Json::parse(PrintManifest(Sample()));
  json[Json::json_pointer(pointer)] = value;
  return Checked(json);
}

std::string RefusalOf(const std::string& text) {
  try {
    ParseManifest(text, "run/7/MANIFEST.json");
  } catch (const WireError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CheckpointManifestTest, ReadsWhatItPrints) {
  const auto read = ParseManifest(PrintManifest(Sample()), "test");
  EXPECT_EQ(read.facts.updates, 7U);
  EXPECT_EQ(read.facts.frames, 99U);
  EXPECT_EQ(read.facts.attempt, 2U);
  EXPECT_EQ(read.facts.phase, "tail");
  EXPECT_EQ(read.facts.reused.at("small"), 2.5);
  ASSERT_EQ(read.files.size(), 2U);
  EXPECT_EQ(read.files[1].name, "coordinator.state");
  EXPECT_EQ(read.files[1].bytes, 3U);
  EXPECT_EQ(read.files[1].crc32c, 4000000000U);
}

TEST(CheckpointManifestTest, ValuesOfAnotherKindAreRefusedBehindARightChecksum) {
  EXPECT_THAT(RefusalOf(With("/format", "1")), HasSubstr("MANIFEST.json: format \"1\""));
  EXPECT_THAT(RefusalOf(With("/format", 2)), HasSubstr("this program reads 1"));
  EXPECT_THAT(RefusalOf(With("/updates", -1)), HasSubstr("'updates' is no number"));
  EXPECT_THAT(RefusalOf(With("/frames", 1.5)), HasSubstr("'frames' is no number"));
  EXPECT_THAT(RefusalOf(With("/attempt", 5000000000)), HasSubstr("from 0 to 4294967295"));
  EXPECT_THAT(RefusalOf(With("/phase", 1)), HasSubstr("'phase' is no text"));
  EXPECT_THAT(RefusalOf(With("/reused", Json::array())), HasSubstr("'reused' is no map"));
  EXPECT_THAT(RefusalOf(With("/reused/small", "old")), HasSubstr("an age is no number"));
  EXPECT_THAT(RefusalOf(With("/files", "all")), HasSubstr("'files' is no list"));
  EXPECT_THAT(RefusalOf(With("/files/0", 5)), HasSubstr("no 'name'"));
  EXPECT_THAT(RefusalOf(With("/files/0/crc32c", -5)), HasSubstr("'crc32c' is no number"));
}

TEST(CheckpointManifestTest, FilesElsewhereOrNamedTwiceAreRefused) {
  for (const char* name : {"../x", "/etc/passwd", "", ".hidden", "MANIFEST.json"}) {
    EXPECT_THAT(RefusalOf(With("/files/0/name", name)), HasSubstr("name is a path")) << name;
  }
  EXPECT_THAT(RefusalOf(With("/files/0/name", "coordinator.state")), HasSubstr("named twice"));
}

TEST(CheckpointManifestTest, WhatIsNotWholeIsRefused) {
  const std::string text = PrintManifest(Sample());
  EXPECT_THAT(RefusalOf(text.substr(0, text.size() - 5)), HasSubstr("not a whole manifest"));
  EXPECT_THAT(RefusalOf("[]"), HasSubstr("not a whole manifest"));
  std::string changed = text;
  changed.replace(changed.find("99"), 2, "98");
  EXPECT_THAT(RefusalOf(changed), HasSubstr("its checksum is"));
}

TEST(CheckpointManifestTest, DepthCostsNoStack) {
  const std::string deep(1000000, '[');
  EXPECT_THAT(RefusalOf("{\"crc32c\": 5, \"x\": " + deep + std::string(1000000, ']') + "}"),
              HasSubstr("MANIFEST.json: "));
}

}  // namespace
}  // namespace stillhouse
