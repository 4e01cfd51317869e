#include "cli/store_plan.h"

#include <algorithm>
#include <charconv>

#include "common/base/error.h"
#include "replay/log/posix_storage.h"
#include "replay/log/recovery.h"

namespace stillhouse::cli {
namespace {
namespace fs = std::filesystem;
constexpr std::string_view kPrefix = "shard-";
}  // namespace

fs::path StorePlan::FolderOf(std::uint16_t shard) const {
  return fs::path(folder) / fmt::format("{}{}", kPrefix, shard);
}

void StorePlan::Encode(ByteWriter& out) const {
  out.PutString(folder);
  out.Put(static_cast<std::uint8_t>(fresh ? 1 : 0));
  out.Put(inserted);
  out.Put(static_cast<std::uint16_t>(shard_parts.size()));
  for (const auto& [shard, part] : shard_parts) {
    out.Put(shard);
    out.PutVector(part);
  }
  out.PutVector(heads);
  out.PutVector(deal_out);
  out.PutVector(stored);
}

StorePlan StorePlan::Decode(ByteReader& in) {
  StorePlan plan;
  plan.folder = in.GetString();
  plan.fresh = in.GetBool();
  plan.inserted = in.Get<std::uint64_t>();
  for (auto left = in.Get<std::uint16_t>(); left > 0; --left) {
    const auto shard = in.Get<std::uint16_t>();
    plan.shard_parts[shard] = in.GetVector<std::uint8_t>();
  }
  plan.heads = in.GetVector<std::uint64_t>();
  plan.deal_out = in.GetVector<std::uint16_t>();
  plan.stored = in.GetVector<std::uint16_t>();
  return plan;
}

fs::path StoreFolder(const fs::path& run_dir, const ReplaySettings& replay) {
  const fs::path folder = replay.dir == "auto" ? run_dir / "replay" : fs::path(replay.dir);
  return fs::absolute(folder).lexically_normal();
}

std::vector<std::uint16_t> StoredShards(const fs::path& folder) {
  std::vector<std::uint16_t> shards;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    std::uint16_t shard = 0;
    const auto parsed =
        std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), shard);
    if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size()) continue;
    const auto files =
        replay::PosixStorage(entry->path(), replay::PosixStorage::Mode::kReadOnly).List();
    const bool held = std::any_of(files.begin(), files.end(), [](const std::string& file) {
      return replay::SegmentNumber(file).has_value();
    });
    if (held) shards.push_back(shard);
  }
  std::sort(shards.begin(), shards.end());
  return shards;
}

void ExpectFitting(const fs::path& folder, const EnvironmentSpec& environment,
                   const ReplaySettings& replay) {
  for (const std::uint16_t shard : StoredShards(folder)) {
    replay::RecoverySettings settings;
    settings.shard = shard;
    settings.environment = environment;
    settings.n_step = static_cast<std::uint32_t>(replay.n_step);
    const replay::PosixStorage storage(folder / fmt::format("{}{}", kPrefix, shard),
                                       replay::PosixStorage::Mode::kReadOnly);
    const std::string misfit = replay::WhyUnfit(storage, settings);
    if (!misfit.empty()) throw ConfigError(misfit);
  }
}

}  // namespace stillhouse::cli
