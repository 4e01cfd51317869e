#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/env/data/csv_file.h"
#include "actors/env/data/data_set.h"
#include "actors/env/data/idx_file.h"
#include "actors/env/data/text_file.h"
#include "common/base/error.h"

namespace stillhouse::actors {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <typename Body>
std::string MessageOf(Body&& body) {
  try {
    body();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

/// A folder of its own, gone at the end.
class DataFilesTest : public ::testing::Test {
 protected:
  DataFilesTest()
      : folder_(std::filesystem::temp_directory_path() /
                (std::string("stillhouse_data_") +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(folder_);
  }
  ~DataFilesTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }

  static DataSettings Images(const std::string& images, const std::string& labels) {
    DataSettings settings;
    settings.train_images = images;
    settings.train_labels = labels;
    settings.held_out = 0.3;
    return settings;
  }
  static DataSettings Files(const std::string& train, const std::string& test,
                            const std::string& label = "label") {
    DataSettings settings;
    settings.train = train;
    settings.test = test;
    settings.label = label;
    return settings;
  }

  static float Feature(const Examples& examples, std::size_t i) {
    float value = 0;
    std::memcpy(&value, examples.observations.data() + i * sizeof value, sizeof value);
    return value;
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(DataFilesTest, IdxImagesOfOneFileAreSplitWithoutATestFile) {
  using std::string_literals::operator""s;
  const std::string images = Write("images",
                                   "\0\0\x08\x03\0\0\0\x05\0\0\0\x01\0\0\0\x02"
                                   "\x00\xff\x33\x00\x01\x02\x03\x04\x05\x06"s);
  const std::string labels = Write("labels", "\0\0\x08\x01\0\0\0\x05\0\x01\x02\x01\0"s);
  const auto data = LoadIdx(Images(images, labels));
  EXPECT_EQ(data->train.Size(), 3U);
  EXPECT_EQ(data->test.Size(), 2U);
  EXPECT_EQ(data->spec.observation.ToString(), "unit_bytes[1,1,2]");
  const auto again = LoadIdx(Images(images, labels));
  EXPECT_EQ(data->test.observations, again->test.observations);
}

TEST_F(DataFilesTest, IdxRefusesWhatItsHeaderDoesNotAnnounce) {
  using std::string_literals::operator""s;
  const auto images = [](const std::string& bytes) {
    return MessageOf([&] {
      ParseIdxImages({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, "f");
    });
  };
  EXPECT_EQ(images("\0\0\x08\x03\0\0\0\x01\0\0\0\x01\0\0\0\x02\x07\x07"s), "");
  EXPECT_THAT(images("\0\0\x08\x01\0\0\0\x01\0\0\0\x01\0\0\0\x02\x07\x07"s),
              HasSubstr("magic number 00000801, expected 00000803"));
  EXPECT_THAT(images("\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x02\x07\x07"s),
              HasSubstr("2 bytes behind the header, which announces 4"));
  EXPECT_THAT(images("\0\0\x08\x03\xff\xff\xff\xff\0\0\xff\xff\0\0\0\x02\x07\x07"s),
              HasSubstr("side of 65535"));
  EXPECT_THAT(images("\0\0\x08\x03"s), HasSubstr("4 bytes"));
  EXPECT_THAT(images("\0\0\x08\x03\0\0\0\0\0\0\0\x01\0\0\0\x02"s), HasSubstr("no examples"));
}

TEST_F(DataFilesTest, TokensAreNumberedByFrequencyAndPadded) {
  EXPECT_THAT(Tokenize("The cat, the HAT-2 \xc3\xa9t\xc3\xa9!"),
              ElementsAre("the", "cat", "the", "hat", "2", "\xc3\xa9t\xc3\xa9"));
  const auto lines = ParseLabelledLines("0\tb a a\r\n1\tc b a d\n", "f");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1].label, 1);
  const Vocabulary vocabulary(lines, 5);  // padding, unknown, a, b, c: d is one too many
  EXPECT_EQ(vocabulary.Size(), 5U);
  EXPECT_THAT(vocabulary.Numbers("d c a", 5), ElementsAre(1, 4, 2, 0, 0));
  EXPECT_THAT(vocabulary.Numbers("a b c d", 2), ElementsAre(2, 3));
}

TEST_F(DataFilesTest, TextRefusesALineWithoutALabel) {
  EXPECT_THAT(MessageOf([] { ParseLabelledLines("0\ta\nnone\n", "f"); }), HasSubstr("f:2: no tab"));
  for (const char* label : {"x", "-1", "65536", "1.5", ""}) {
    EXPECT_THAT(MessageOf([&] { ParseLabelledLines(std::string(label) + "\ta\n", "f"); }),
                HasSubstr("f:1: the label must be a number"))
        << label;
  }
}

TEST_F(DataFilesTest, ALabelThatTrainingLacksIsStillAClass) {
  const std::string train = Write("train", "0\ta\n1\tb\n");
  const std::string test = Write("test", "2\tc\n");
  EXPECT_EQ(LoadText(Files(train, test))->spec.num_actions, 3);
}

TEST_F(DataFilesTest, CsvReadsQuotesAndRefusesRowsOfAnotherLength) {
  const CsvTable table = ParseCsv("a,\"b \"\"c\"\", d\"\r\n1,\"2\"\n", "f");
  EXPECT_THAT(table.header, ElementsAre("a", "b \"c\", d"));
  EXPECT_THAT(table.rows[0], ElementsAre("1", "2"));
  const auto message = [](const char* text) { return MessageOf([&] { ParseCsv(text, "f"); }); };
  EXPECT_THAT(message("a,b\n1\n"), HasSubstr("f:2: 1 fields, the header has 2"));
  EXPECT_THAT(message("a,a\n"), HasSubstr("'a'"));
  EXPECT_THAT(message("a,\"b\n"), HasSubstr("not closed"));
  EXPECT_THAT(message("a,b\"\n"), HasSubstr("quote"));
  EXPECT_THAT(message(""), HasSubstr("empty"));
}

TEST_F(DataFilesTest, CsvFeaturesAreStandardisedByTheTrainingSplitAlone) {
  const std::string train = Write("train.csv", "x,kind\n1,cold\n3,warm\n");
  const std::string test = Write("test.csv", "x,kind\n5,warm\n");
  const auto data = LoadCsv(Files(train, test, "kind"));
  EXPECT_THAT(data->spec.action_names, ElementsAre("cold", "warm"));
  EXPECT_FLOAT_EQ(Feature(data->train, 0), -1);  // mean 2, deviation 1
  EXPECT_FLOAT_EQ(Feature(data->train, 1), 1);
  EXPECT_FLOAT_EQ(Feature(data->test, 0), 3);
  EXPECT_THAT(data->test.labels, ElementsAre(1));
}

TEST_F(DataFilesTest, CsvRewardsPayForEachAction) {
  const std::string train = Write("t.csv", "x,reward:book,reward:film\n1,0.5,2\n3,1,-1\n");
  const auto data = LoadCsv(Files(train, train));
  EXPECT_THAT(data->spec.action_names, ElementsAre("book", "film"));
  EXPECT_THAT(data->train.labels, ElementsAre(1, 0));
  EXPECT_THAT(data->train.rewards, ElementsAre(0.5F, 2, 1, -1));
}

TEST_F(DataFilesTest, CsvRefusesWhatItCannotLearnFrom) {
  const auto message = [&](const std::string& content) {
    return MessageOf([&] {
      const std::string file = Write("t.csv", content);
      LoadCsv(Files(file, file));
    });
  };
  EXPECT_THAT(message("x,label\nred,1\n"), HasSubstr("row 1 of column 'x': found 'red'"));
  EXPECT_THAT(message("x,label\nnan,1\n"), HasSubstr("expected a number"));
  EXPECT_THAT(message("x,y\n1,1\n"), HasSubstr("needs either the column 'label'"));
  EXPECT_THAT(message("x,label,reward:a\n1,1,1\n"), HasSubstr("needs either"));
  EXPECT_THAT(message("label\n1\n"), HasSubstr("no column to tell it from"));
  EXPECT_THAT(message("x,label\n"), HasSubstr("no examples"));
}

}  // namespace
}  // namespace stillhouse::actors
