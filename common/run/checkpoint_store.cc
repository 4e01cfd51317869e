#include "common/run/checkpoint_store.h"

#include <algorithm>
#include <charconv>

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "common/base/failpoint.h"
#include "common/run/atomic_file.h"

namespace stillhouse {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPartial = ".partial";

std::span<const std::uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::optional<std::uint64_t> UpdatesOf(const fs::path& directory) {
  const std::string name = directory.filename().string();
  std::uint64_t updates = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), updates);
  if (error != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return updates;
}

/// Its entries are on disk, not only its files.
void SyncDirectory(const fs::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!synced) {
    throw StorageError(fmt::format("{}: cannot sync: {}", directory.string(),
                                   std::generic_category().message(error)));
  }
}

void RemoveAll(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) {
    throw StorageError(fmt::format("{}: cannot remove: {}", path.string(), error.message()));
  }
}

CheckpointManifest ManifestOf(const Checkpoint& checkpoint) {
  CheckpointManifest manifest{checkpoint.facts, {}};
  for (const auto& [name, bytes] : checkpoint.files) {
    manifest.files.push_back({name, bytes.size(), Crc32c(bytes)});
  }
  return manifest;
}

/// A manifest names a handful of files; what is larger or deeper is none.
constexpr std::size_t kMostManifestBytes = std::size_t{4} << 20U;

/// What a rename over a directory that is there needs: both change places, then the old one goes.
void RenameIntoPlace(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::exists(to, error)) {
    fs::rename(from, to, error);
    if (!error) return;
  } else if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) {
    return;
  } else {
    error = {errno, std::generic_category()};
  }
  throw StorageError(
      fmt::format("{}: cannot rename to {}: {}", from.string(), to.string(), error.message()));
}

}  // namespace

CheckpointStore::CheckpointStore(fs::path run_directory)
    : folder_(std::move(run_directory) / "checkpoints") {}

fs::path CheckpointStore::Write(const Checkpoint& checkpoint, std::size_t keep) const {
  SH_CHECK(keep > 0);
  const std::string name = std::to_string(checkpoint.facts.updates);
  const fs::path partial = folder_ / (name + kPartial);
  const fs::path final = folder_ / name;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (!error) RemoveAll(partial);
  if (!error) fs::create_directory(partial, error);
  if (error) {
    throw StorageError(fmt::format("{}: cannot create: {}", partial.string(), error.message()));
  }
  try {
    for (const auto& [file, bytes] : checkpoint.files) {
      SH_FAILPOINT("checkpoint.file");
      SH_CHECK(IsCheckpointFile(file), "checkpoint file '{}'", file);
      ReplaceFile(partial / file, std::span<const std::uint8_t>(bytes));
    }
    SH_FAILPOINT("checkpoint.manifest");
    ReplaceFile(partial / kManifestFile, PrintManifest(ManifestOf(checkpoint)));
    SyncDirectory(partial);
    SH_FAILPOINT("checkpoint.rename");
    RenameIntoPlace(partial, final);
    SH_FAILPOINT("checkpoint.renamed");
    SyncDirectory(folder_);
  } catch (const StorageError&) {
    fs::remove_all(partial, error);  // a full disk is not to stay full because of us
    throw;
  }
  const auto all = List();
  for (std::size_t i = keep; i < all.size(); ++i) {
    SH_FAILPOINT("checkpoint.remove");
    // Under its own name it is there whole or not at all, also when we die halfway.
    const fs::path going = all[i].string() + kPartial;
    RemoveAll(going);
    RenameIntoPlace(all[i], going);
    SH_FAILPOINT("checkpoint.removing");
    RemoveAll(going);
  }
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() == kPartial) RemoveAll(entry.path());
  }
  return final;
}

std::vector<fs::path> CheckpointStore::List() const {
  std::vector<std::pair<std::uint64_t, fs::path>> found;
  std::error_code error;
  if (!fs::exists(folder_, error)) return {};
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (const auto updates = UpdatesOf(entry.path())) found.emplace_back(*updates, entry.path());
  }
  if (error) {
    throw StorageError(fmt::format("{}: cannot read: {}", folder_.string(), error.message()));
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<fs::path> paths;
  for (auto& [updates, path] : found) paths.push_back(std::move(path));
  return paths;
}

Checkpoint CheckpointStore::Read(const fs::path& directory) {
  const fs::path path = directory / kManifestFile;
  const CheckpointManifest manifest =
      ParseManifest(ReadFile(path, kMostManifestBytes), path.string());
  Checkpoint checkpoint;
  checkpoint.facts = manifest.facts;
  for (const ManifestFile& file : manifest.files) {
    const fs::path name = directory / file.name;
    const auto fail = [&](std::uint64_t bytes) {
      throw WireError(
          fmt::format("{}: {} bytes, the manifest says {}", name.string(), bytes, file.bytes));
    };
    std::error_code error;
    const std::uintmax_t size = fs::file_size(name, error);
    if (!error && size != file.bytes) fail(size);  // before that much is read
    const std::string text = ReadFile(name);
    if (text.size() != file.bytes) fail(text.size());
    if (Crc32c(Bytes(text)) != file.crc32c) {
      throw WireError(fmt::format("{}: its bytes do not fit the manifest's CRC32C: it is damaged",
                                  name.string()));
    }
    checkpoint.files[file.name].assign(text.begin(), text.end());
  }
  return checkpoint;
}

std::optional<Checkpoint> CheckpointStore::ReadNewest(
    const std::function<void(const std::string& reason)>& skipped) const {
  for (const auto& directory : List()) {
    try {
      return Read(directory);
    } catch (const StorageError& error) {
      skipped(error.what());
    } catch (const WireError& error) {
      skipped(error.what());
    }
  }
  return std::nullopt;
}

}  // namespace stillhouse
