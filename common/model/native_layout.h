#pragma once

#include <cstdint>
#include <vector>

namespace stillhouse {

/// How a layer's values lie in memory. Images come as [channels, rows, columns] from outside and
/// are [rows, columns, pitch] inside, filters innermost (pitch at least 4, so that a column_step of
/// 1 tells the former); a flat vector has one row and column.
struct ImageLayout {
  std::int64_t channels = 0, rows = 1, columns = 1;
  std::int64_t channel_step = 1, row_step = 0, column_step = 0;  ///< in floats
  std::int64_t size = 0;  ///< floats of one observation, padding included

  std::int64_t LogicalSize() const { return channels * rows * columns; }
  /// Place of element `i` of the row-major [channels, rows, columns].
  std::int64_t Place(std::int64_t i) const;
};

inline std::int64_t RoundUp(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

/// Floats of one position's channels. Few filters stay together, so that the next layer has no
/// padding to skip.
std::int64_t FilterPitch(std::int64_t filters);

ImageLayout FlatLayout(std::int64_t n, std::int64_t pitch);
/// Channels first, as observations come.
ImageLayout PlanarLayout(std::int64_t channels, std::int64_t rows, std::int64_t columns);
/// Channels innermost, as the kernels write.
ImageLayout PackedLayout(std::int64_t channels, std::int64_t rows, std::int64_t columns,
                         std::int64_t pitch);

/// [LogicalSize]: ImageLayout::Place of every element.
std::vector<std::uint32_t> Places(const ImageLayout& layout);

}  // namespace stillhouse
