// An IDX file (LeCun's MNIST pages), numbers big-endian:
//   images = 00 00 08 03, uint32 count, uint32 rows, uint32 columns, uint8 pixel * (product)
//   labels = 00 00 08 01, uint32 count, uint8 label * count
#include "actors/env/data/idx_file.h"

#include "common/base/error.h"

namespace stillhouse::actors {
namespace {

constexpr std::uint32_t kMaxSide = 512;

std::uint32_t BigEndian(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = (value << 8U) | bytes[at + i];
  return value;
}

/// The sizes behind the magic number, once the length fits them.
std::vector<std::uint32_t> ReadSizes(std::span<const std::uint8_t> bytes, std::uint32_t dimensions,
                                     const std::string& name) {
  const std::size_t header = 4 + std::size_t{4} * dimensions;
  if (bytes.size() < header) {
    throw ConfigError(fmt::format("{}: {} bytes, an IDX file of {} dimensions has at least {}",
                                  name, bytes.size(), dimensions, header));
  }
  const std::uint32_t magic = BigEndian(bytes, 0);
  if (magic != (0x800U | dimensions)) {
    throw ConfigError(
        fmt::format("{}: magic number {:08x}, expected {:08x} (unsigned bytes, {} "
                    "dimensions)",
                    name, magic, 0x800U | dimensions, dimensions));
  }
  std::vector<std::uint32_t> sizes;
  for (std::size_t d = 0; d < dimensions; ++d) sizes.push_back(BigEndian(bytes, 4 + 4 * d));
  // The count may be anything, the sides are small: the product fits 64 bits.
  std::uint64_t expected = sizes[0];
  for (std::size_t d = 1; d < dimensions; ++d) {
    if (sizes[d] < 1 || sizes[d] > kMaxSide) {
      throw ConfigError(
          fmt::format("{}: images with a side of {}, must be 1 to {}", name, sizes[d], kMaxSide));
    }
    expected *= sizes[d];
  }
  if (sizes[0] == 0) throw ConfigError(fmt::format("{}: no examples", name));
  if (bytes.size() - header != expected) {
    throw ConfigError(fmt::format("{}: {} bytes behind the header, which announces {}", name,
                                  bytes.size() - header, expected));
  }
  return sizes;
}

}  // namespace

IdxImages ParseIdxImages(std::span<const std::uint8_t> bytes, const std::string& name) {
  const auto sizes = ReadSizes(bytes, 3, name);
  const auto pixels = bytes.subspan(16);
  return {sizes[0], sizes[1], sizes[2], {pixels.begin(), pixels.end()}};
}

std::vector<std::uint8_t> ParseIdxLabels(std::span<const std::uint8_t> bytes,
                                         const std::string& name) {
  ReadSizes(bytes, 1, name);
  const auto labels = bytes.subspan(8);
  return {labels.begin(), labels.end()};
}

}  // namespace stillhouse::actors
