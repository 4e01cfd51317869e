#pragma once

#include <cstdint>
#include <span>

namespace stillhouse::actors {

/// The IDX files of tests/conformance/digits (its README has source and licence), put into the
/// program by the build, so that `data/digits` needs no file.
struct BuiltInDigits {
  std::span<const std::uint8_t> train_images, train_labels, test_images, test_labels;
};
BuiltInDigits GetBuiltInDigits();

}  // namespace stillhouse::actors
