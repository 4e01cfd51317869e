// layout.json: {"format": 1, "shards": u16, "attempt": u32, "heads": [u64...]}
#include "cli/store_layout.h"

#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/failpoint.h"
#include "common/run/atomic_file.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kLayoutFile = "layout.json";
constexpr int kFormat = 1;

fs::path WithSuffix(const fs::path& folder, const char* suffix) {
  return fs::path(folder.string() + suffix);
}
fs::path OldStoreFolder(const fs::path& folder) { return WithSuffix(folder, ".old"); }

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

void Rename(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (!error) return;
  throw StorageError(
      fmt::format("{}: cannot be renamed to {}: {}", from.string(), to.string(), error.message()));
}

void Remove(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) {
    throw StorageError(fmt::format("{}: cannot be removed: {}", path.string(), error.message()));
  }
}

/// The folder's entries are on the disk.
void SyncFolder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (synced) return;
  throw StorageError(fmt::format("{}: cannot be synced: {}", folder.string(),
                                 std::generic_category().message(error)));
}

}  // namespace

std::optional<StoreLayout> ReadStoreLayout(const fs::path& folder) {
  const fs::path file = folder / kLayoutFile;
  if (!Exists(file)) return std::nullopt;
  const auto fail = [&file] {
    throw StorageError(fmt::format(
        "{}: does not say how the store is laid out; without the file the checkpoint decides",
        file.string()));
  };
  const Json json = Json::parse(ReadFile(file), nullptr, /*allow_exceptions=*/false);
  StoreLayout layout;
  try {
    if (json.at("format").get<int>() != kFormat) fail();
    layout.shards = json.at("shards").get<std::uint16_t>();
    layout.attempt = json.at("attempt").get<std::uint32_t>();
    layout.heads = json.at("heads").get<std::vector<std::uint64_t>>();
  } catch (const nlohmann::json::exception&) {
    fail();
  }
  const bool fits = layout.heads.empty() || layout.heads.size() == layout.shards;
  if (layout.shards == 0 || !fits) fail();
  return layout;
}

void WriteStoreLayout(const fs::path& folder, const StoreLayout& layout) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw StorageError(fmt::format("{}: cannot create: {}", folder.string(), error.message()));
  }
  const Json json{{"format", kFormat},
                  {"shards", layout.shards},
                  {"attempt", layout.attempt},
                  {"heads", layout.heads}};
  ReplaceFile(folder / kLayoutFile, json.dump() + "\n");
}

fs::path NewStoreFolder(const fs::path& folder) { return WithSuffix(folder, ".new"); }

fs::path StandingStore(const fs::path& folder) {
  if (Exists(folder)) return folder;
  const fs::path fresh = NewStoreFolder(folder);
  if (Exists(OldStoreFolder(folder))) {
    return Exists(fresh / kLayoutFile) ? fresh : OldStoreFolder(folder);
  }
  return folder;
}

void SettleStore(const fs::path& folder) {
  const fs::path standing = StandingStore(folder);
  if (standing != folder) Rename(standing, folder);
  const bool leftover = Exists(NewStoreFolder(folder)) || Exists(OldStoreFolder(folder));
  if (standing == folder && !leftover) return;
  SyncFolder(folder.parent_path());
  Remove(NewStoreFolder(folder));
  Remove(OldStoreFolder(folder));
}

void SwapInNewStore(const fs::path& folder) {
  const fs::path fresh = NewStoreFolder(folder);
  SyncFolder(fresh);
  SyncFolder(folder.parent_path());
  SH_FAILPOINT("reshard.written");
  Rename(folder, OldStoreFolder(folder));
  SH_FAILPOINT("reshard.old_aside");
  Rename(fresh, folder);
  SH_FAILPOINT("reshard.renamed");
  SyncFolder(folder.parent_path());
  SH_FAILPOINT("reshard.synced");
  Remove(OldStoreFolder(folder));
}

}  // namespace stillhouse::cli
