#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace stillhouse::cli {

/// Which shards a stored replay was written by: `layout.json` beside their folders. It is the last
/// file of a store that is dealt out anew, so a folder with it is whole.
struct StoreLayout {
  std::uint16_t shards = 1;
  /// The attempt that dealt the store out, or began it. Checkpoints of earlier attempts speak of
  /// other shards, so their shards' parts say nothing about these.
  std::uint32_t attempt = 1;
  /// [shards] items ever stored when it was dealt out; empty: it was begun like this.
  std::vector<std::uint64_t> heads;
};

/// nullopt: there is none. Throws StorageError when it cannot be read or makes no sense.
std::optional<StoreLayout> ReadStoreLayout(const std::filesystem::path& folder);
/// Creates the folder where it is not there. Throws StorageError.
void WriteStoreLayout(const std::filesystem::path& folder, const StoreLayout& layout);

// A store that is dealt out anew changes places with the old one in two renames, and a crash may
// come between any two steps:
//
//   <folder>.new is written and synced, its layout.json last   <folder> counts
//   <folder> -> <folder>.old                                   <folder>.new counts
//   <folder>.new -> <folder>                                   <folder> counts
//   <folder>.old is removed

/// "<folder>.new", in which a store is dealt out.
std::filesystem::path NewStoreFolder(const std::filesystem::path& folder);
/// Where the store lies that counts now. Changes nothing.
std::filesystem::path StandingStore(const std::filesystem::path& folder);
/// Finishes or undoes what a crash has interrupted. Throws StorageError.
void SettleStore(const std::filesystem::path& folder);
/// The new store, whole and on the disk, takes the place of the old one. Throws StorageError.
void SwapInNewStore(const std::filesystem::path& folder);

}  // namespace stillhouse::cli
