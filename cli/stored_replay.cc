#include "cli/stored_replay.h"

#include <fmt/format.h>

#include "cli/store_layout.h"
#include "common/base/error.h"
#include "replay/log/posix_storage.h"
#include "replay/log/scan.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;

fs::path FolderIn(const std::string& from) {
  for (const fs::path& folder : {fs::path(from) / "replay", fs::path(from)}) {
    if (!StoredShards(folder).empty()) return fs::absolute(folder).lexically_normal();
  }
  throw ConfigError(
      fmt::format("replay.from: {}: no segments in shard-<k> there, nor in its replay/; runs keep "
                  "them with replay.durability async or sync",
                  from));
}

/// A store that stays empty would be waited for without end: nobody plays.
void ExpectExperience(const fs::path& folder) {
  for (const std::uint16_t shard : StoredShards(folder)) {
    const replay::PosixStorage storage(folder / fmt::format("shard-{}", shard),
                                       replay::PosixStorage::Mode::kReadOnly);
    if (ScanLog(storage, {}).items > 0) return;
  }
  throw ConfigError(fmt::format(
      "replay.from: {}: its segments hold no transition; there is nothing to learn from, and "
      "nobody plays",
      folder.string()));
}

}  // namespace

fs::path PlanStoredReplay(const Job& job, StorePlan& plan) {
  const fs::path folder = FolderIn(job.config.replay.from);
  try {
    ExpectFitting(folder, job.environment, job.config.replay);
  } catch (const ConfigError& error) {
    throw ConfigError(fmt::format("replay.from: {}", error.what()));
  }
  const auto layout = ReadStoreLayout(folder);
  const std::size_t shards = layout ? layout->shards : StoredShards(folder).size();
  if (shards != job.Shards()) {
    throw ConfigError(
        fmt::format("replay.from: {} was written by {} shards, and replay.shards is {}",
                    folder.string(), shards, job.Shards()));
  }
  ExpectExperience(folder);
  plan.fresh = false;
  if (layout) plan.heads = layout->heads;
  return folder;
}

std::string CopyStoredReplay(const fs::path& from, const StorePlan& plan, const Job& job) {
  const fs::path to = plan.folder;
  const fs::path unfinished = NewStoreFolder(to);
  std::error_code error;
  fs::remove_all(unfinished, error);
  fs::create_directories(to.parent_path(), error);
  fs::copy(from, unfinished, fs::copy_options::recursive, error);
  if (!error) fs::remove_all(to, error);
  if (!error) fs::rename(unfinished, to, error);
  if (error) {
    throw StorageError(
        fmt::format("{}: cannot be copied to {}: {}", from.string(), to.string(), error.message()));
  }
  if (!ReadStoreLayout(to)) WriteStoreLayout(to, {job.Shards(), /*attempt=*/1, {}});
  return fmt::format("the experience of {} is copied; nobody plays but to evaluate", from.string());
}

}  // namespace stillhouse::cli
