#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "actors/env/data/built_in_digits.h"
#include "actors/env/data/data_file.h"
#include "actors/env/data/data_set.h"
#include "actors/env/data/idx_file.h"
#include "actors/env/data/splits.h"
#include "common/base/error.h"

namespace stillhouse::actors {
namespace {

/// Where output position `i` of `out` lies between the positions of `in`, pixel centres on pixel
/// centres (half-pixel convention): the lower one of two, and the weight of the upper one.
struct Between {
  std::size_t low = 0, high = 0;
  double share = 0;
};
Between Locate(std::size_t i, std::size_t out, std::size_t in) {
  const double ratio = static_cast<double>(in) / static_cast<double>(out);
  const double place =
      std::clamp((static_cast<double>(i) + 0.5) * ratio - 0.5, 0.0, static_cast<double>(in - 1));
  const auto low = static_cast<std::size_t>(place);
  return {low, std::min(low + 1, in - 1), place - static_cast<double>(low)};
}

/// One image to unit bytes [rows, columns] by bilinear interpolation; `scale` becomes 255.
void Render(std::span<const std::uint8_t> image, const IdxImages& size, std::size_t rows,
            std::size_t columns, std::int32_t scale, std::vector<std::uint8_t>& out) {
  const auto pixel = [&](std::size_t y, std::size_t x) {
    return std::min(static_cast<double>(image[y * size.columns + x]), static_cast<double>(scale));
  };
  for (std::size_t y = 0; y < rows; ++y) {
    const Between row = Locate(y, rows, size.rows);
    for (std::size_t x = 0; x < columns; ++x) {
      const Between column = Locate(x, columns, size.columns);
      const auto along = [&](std::size_t r) {
        return pixel(r, column.low) * (1 - column.share) + pixel(r, column.high) * column.share;
      };
      const double value = along(row.low) * (1 - row.share) + along(row.high) * row.share;
      out.push_back(static_cast<std::uint8_t>(std::lround(value * 255 / scale)));
    }
  }
}

Examples MakeExamples(const IdxImages& images, std::span<const std::uint8_t> labels,
                      const DataSettings& settings, std::int32_t scale, const std::string& name) {
  if (images.count != labels.size()) {
    throw ConfigError(
        fmt::format("{}: {} images but {} labels", name, images.count, labels.size()));
  }
  const auto side = static_cast<std::size_t>(settings.resize);
  const std::size_t rows = side > 0 ? side : images.rows;
  const std::size_t columns = side > 0 ? side : images.columns;
  const std::size_t pixels = std::size_t{images.rows} * images.columns;
  Examples examples;
  examples.labels.assign(labels.begin(), labels.end());
  examples.observations.reserve(images.count * rows * columns);
  for (std::size_t i = 0; i < images.count; ++i) {
    Render(std::span(images.pixels).subspan(i * pixels, pixels), images, rows, columns, scale,
           examples.observations);
  }
  return examples;
}

/// The examples that are held out, or those that are not.
Examples Pick(const Examples& from, const std::vector<bool>& held, bool wanted) {
  const auto bytes = static_cast<std::ptrdiff_t>(from.observations.size() / from.Size());
  Examples to;
  for (std::size_t i = 0; i < from.Size(); ++i) {
    if (held[i] != wanted) continue;
    const auto row = from.observations.begin() + static_cast<std::ptrdiff_t>(i) * bytes;
    to.observations.insert(to.observations.end(), row, row + bytes);
    to.labels.push_back(from.labels[i]);
  }
  return to;
}

std::shared_ptr<const DataSet> Finish(const char* id, const IdxImages& images, Examples train,
                                      Examples test, const DataSettings& settings) {
  DataSet set;
  set.train = std::move(train);
  set.test = std::move(test);
  const auto most = *std::max_element(set.train.labels.begin(), set.train.labels.end());
  std::vector<std::string> names;
  for (std::int32_t label = 0; label <= most; ++label) names.push_back(fmt::format("{}", label));
  const std::int64_t side = settings.resize;
  const std::int64_t rows = side > 0 ? side : std::int64_t{images.rows};
  const std::int64_t columns = side > 0 ? side : std::int64_t{images.columns};
  set.spec = DataSpec(id, {ElementKind::kUnitBytes, {1, rows, columns}}, std::move(names));
  return FinishSplits(std::move(set), settings);
}

Examples ReadSplit(const std::string& images_path, const std::string& labels_path,
                   const std::string& split, const DataSettings& settings, IdxImages& size) {
  const auto images_option = split + "_images";
  const auto labels_option = split + "_labels";
  const IdxImages images = ParseIdxImages(ReadDataFile(images_path, images_option), images_path);
  const auto labels = ParseIdxLabels(ReadDataFile(labels_path, labels_option), labels_path);
  if (size.count != 0 && settings.resize == 0 &&
      (size.rows != images.rows || size.columns != images.columns)) {
    throw ConfigError(fmt::format("{}: {} x {} pixels, the training images have {} x {}",
                                  images_path, images.rows, images.columns, size.rows,
                                  size.columns));
  }
  Examples examples = MakeExamples(images, labels, settings, settings.scale, labels_path);
  if (size.count == 0) size = {images.count, images.rows, images.columns, {}};
  return examples;
}

}  // namespace

std::shared_ptr<const DataSet> LoadDigits(const DataSettings& settings) {
  constexpr std::int32_t kScale = 16;  // their pixels are 0 to 16
  const BuiltInDigits files = GetBuiltInDigits();
  const IdxImages train = ParseIdxImages(files.train_images, "built-in digits");
  const IdxImages test = ParseIdxImages(files.test_images, "built-in digits");
  const auto train_labels = ParseIdxLabels(files.train_labels, "built-in digits");
  const auto test_labels = ParseIdxLabels(files.test_labels, "built-in digits");
  return Finish("data/digits", train,
                MakeExamples(train, train_labels, settings, kScale, "built-in digits"),
                MakeExamples(test, test_labels, settings, kScale, "built-in digits"), settings);
}

std::shared_ptr<const DataSet> LoadIdx(const DataSettings& settings) {
  IdxImages size;
  const Examples train =
      ReadSplit(settings.train_images, settings.train_labels, "train", settings, size);
  if (settings.test_images.empty() && settings.test_labels.empty()) {
    const auto held = HeldOut(train.Size(), settings.held_out);
    return Finish("data/idx", size, Pick(train, held, false), Pick(train, held, true), settings);
  }
  Examples test = ReadSplit(settings.test_images, settings.test_labels, "test", settings, size);
  return Finish("data/idx", size, train, std::move(test), settings);
}

}  // namespace stillhouse::actors
