// Files of data sets: IDX, labelled text, CSV.
#include "actors/env/data/csv_file.h"
#include "actors/env/data/idx_file.h"
#include "actors/env/data/text_file.h"
#include "common/base/error.h"
#include "tests/fuzz/fuzz_target.h"

namespace stillhouse::fuzz {
namespace {

Bytes BigEndian(std::initializer_list<std::uint32_t> words) {
  Bytes bytes;
  for (const std::uint32_t word : words) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      bytes.push_back(static_cast<std::uint8_t>(word >> shift));
    }
  }
  return bytes;
}

FuzzTarget IdxImageFiles() {
  FuzzTarget target{
      .name = "idx_images", .read = [](auto input, std::string& why) {
        return Accepts<ConfigError>(why, [&] {
          const auto images = actors::ParseIdxImages(input, "f");
          if (images.pixels.size() != std::size_t{images.count} * images.rows * images.columns) {
            throw std::logic_error("pixels do not fit the sizes");
          }
        });
      }};
  Bytes seed = BigEndian({0x803, 2, 1, 3});
  seed.insert(seed.end(), 6, std::uint8_t{7});
  target.seeds = {seed};
  return target;
}

FuzzTarget IdxLabelFiles() {
  FuzzTarget target{.name = "idx_labels", .read = [](auto input, std::string& why) {
                      return Accepts<ConfigError>(why, [&] { actors::ParseIdxLabels(input, "f"); });
                    }};
  Bytes seed = BigEndian({0x801, 3});
  seed.insert(seed.end(), {0, 1, 2});
  target.seeds = {seed};
  return target;
}

FuzzTarget LabelledTexts() {
  FuzzTarget target{.name = "labelled_text", .read = [](auto input, std::string& why) {
                      return Accepts<ConfigError>(why, [&] {
                        const auto lines = actors::ParseLabelledLines(AsText(input), "f");
                        const actors::Vocabulary vocabulary(lines, 8);
                        for (const auto& line : lines) {
                          for (const float number : vocabulary.Numbers(line.text, 4)) {
                            if (number < 0 || number > 7) throw std::logic_error("no such token");
                          }
                        }
                      });
                    }};
  target.seeds = {FromText("0\tthe cat\n12\ta hat\r\n"), FromText("3\t\n")};
  target.words = {"\t", "\n", "\r\n", "0", "-1", "65536", "the"};
  // A line of three bytes becomes a string, a token of its own and its number.
  target.memory_factor = 256;
  target.text = true;
  return target;
}

FuzzTarget CsvFiles() {
  FuzzTarget target{.name = "csv", .read = [](auto input, std::string& why) {
                      return Accepts<ConfigError>(why, [&] {
                        const auto table = actors::ParseCsv(AsText(input), "f");
                        for (const auto& row : table.rows) {
                          if (row.size() != table.header.size()) throw std::logic_error("ragged");
                        }
                      });
                    }};
  target.seeds = {FromText("x,label\n1,a\n2.5,\"b \"\"c\"\"\"\r\n"), FromText("a,reward:b\n1,2")};
  target.words = {",", "\"", "\"\"", "\n", "\r\n", "reward:", "label"};
  target.memory_factor = 256;  // a field of one byte becomes a string
  target.text = true;
  return target;
}

}  // namespace

std::vector<FuzzTarget> DataTargets() {
  return {IdxImageFiles(), IdxLabelFiles(), LabelledTexts(), CsvFiles()};
}

}  // namespace stillhouse::fuzz
