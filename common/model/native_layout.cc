#include "common/model/native_layout.h"

namespace stillhouse {

std::int64_t FilterPitch(std::int64_t filters) {
  if (filters <= 4) return 4;
  if (filters <= 8) return 8;
  return RoundUp(filters, 16);
}

ImageLayout FlatLayout(std::int64_t n, std::int64_t pitch) {
  return {.channels = n, .size = pitch};
}

ImageLayout PlanarLayout(std::int64_t channels, std::int64_t rows, std::int64_t columns) {
  return {.channels = channels,
          .rows = rows,
          .columns = columns,
          .channel_step = rows * columns,
          .row_step = columns,
          .column_step = 1,
          .size = channels * rows * columns};
}

ImageLayout PackedLayout(std::int64_t channels, std::int64_t rows, std::int64_t columns,
                         std::int64_t pitch) {
  return {.channels = channels,
          .rows = rows,
          .columns = columns,
          .channel_step = 1,
          .row_step = columns * pitch,
          .column_step = pitch,
          .size = rows * columns * pitch};
}

std::int64_t ImageLayout::Place(std::int64_t i) const {
  const std::int64_t column = i % columns;
  const std::int64_t row = i / columns % rows;
  const std::int64_t channel = i / columns / rows;
  return channel * channel_step + row * row_step + column * column_step;
}

std::vector<std::uint32_t> Places(const ImageLayout& layout) {
  std::vector<std::uint32_t> places;
  for (std::int64_t i = 0; i < layout.LogicalSize(); ++i) {
    places.push_back(static_cast<std::uint32_t>(layout.Place(i)));
  }
  return places;
}

}  // namespace stillhouse
