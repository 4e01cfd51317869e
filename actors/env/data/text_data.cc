#include <algorithm>

#include "actors/env/data/data_file.h"
#include "actors/env/data/data_set.h"
#include "actors/env/data/splits.h"
#include "actors/env/data/text_file.h"
#include "common/base/error.h"

namespace stillhouse::actors {
namespace {

Examples MakeExamples(const std::vector<LabelledText>& lines, const Vocabulary& vocabulary,
                      std::int32_t length) {
  Examples examples;
  for (const LabelledText& line : lines) {
    const auto numbers = vocabulary.Numbers(line.text, length);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(numbers.data());
    examples.observations.insert(examples.observations.end(), bytes,
                                 bytes + numbers.size() * sizeof(float));
    examples.labels.push_back(line.label);
  }
  return examples;
}

}  // namespace

std::shared_ptr<const DataSet> LoadText(const DataSettings& settings) {
  const auto read = [](const std::string& path, const char* option) {
    return ParseLabelledLines(TextOf(ReadDataFile(path, option)), path);
  };
  auto train = read(settings.train, "train");
  if (train.empty()) throw ConfigError(fmt::format("{}: no examples", settings.train));
  const auto test =
      settings.test.empty() ? HoldOut(train, settings.held_out) : read(settings.test, "test");
  const Vocabulary vocabulary(train, settings.vocabulary);
  std::int32_t most = 0;
  for (const LabelledText& line : train) most = std::max(most, line.label);
  for (const LabelledText& line : test) most = std::max(most, line.label);
  std::vector<std::string> names;
  for (std::int32_t label = 0; label <= most; ++label) names.push_back(fmt::format("{}", label));
  DataSet set;
  set.train = MakeExamples(train, vocabulary, settings.length);
  set.test = MakeExamples(test, vocabulary, settings.length);
  set.spec = DataSpec("data/text", {ElementKind::kFloats, {settings.length}}, std::move(names));
  return FinishSplits(std::move(set), settings);
}

}  // namespace stillhouse::actors
