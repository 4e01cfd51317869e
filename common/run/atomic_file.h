#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace stillhouse {

inline constexpr unsigned kModeShared = 0644;
inline constexpr unsigned kModeSecret = 0600;

/// Replaces a file whole: `<path>.tmp` is written, synced and renamed over it, so a reader sees
/// the old bytes or the new ones, after a crash too. Throws StorageError and leaves the old file.
void ReplaceFile(const std::filesystem::path& path, std::span<const std::uint8_t> bytes,
                 unsigned mode = kModeShared);
void ReplaceFile(const std::filesystem::path& path, std::string_view text,
                 unsigned mode = kModeShared);

/// Appends `line` and a newline with one write call. Not synced. Throws StorageError.
void AppendLine(const std::filesystem::path& path, std::string_view line);

/// The whole file. Throws StorageError, also when it is larger than `most_bytes`.
std::string ReadFile(const std::filesystem::path& path,
                     std::size_t most_bytes = std::size_t{1} << 40U);

}  // namespace stillhouse
