#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace stillhouse::actors {

/// Images of one size, a byte a pixel, row-major.
struct IdxImages {
  std::uint32_t count = 0;
  std::uint32_t rows = 0;
  std::uint32_t columns = 0;
  std::vector<std::uint8_t> pixels;  ///< [count, rows, columns]
};

/// Both throw ConfigError beginning with `name` when magic number, sizes or length do not fit.
IdxImages ParseIdxImages(std::span<const std::uint8_t> bytes, const std::string& name);
std::vector<std::uint8_t> ParseIdxLabels(std::span<const std::uint8_t> bytes,
                                         const std::string& name);

}  // namespace stillhouse::actors
