#pragma once

#include <cstdint>
#include <span>

namespace stillhouse {

/// CRC-32C (Castagnoli, reflected 0x82F63B78), as iSCSI, LevelDB and TensorBoard use it.
/// `crc` continues an earlier call: Crc32c(b, Crc32c(a)) == Crc32c(a + b).
std::uint32_t Crc32c(std::span<const std::uint8_t> bytes, std::uint32_t crc = 0);

}  // namespace stillhouse
