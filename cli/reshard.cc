#include "cli/reshard.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>

#include <fmt/ranges.h>

#include "cli/store_layout.h"
#include "common/base/error.h"
#include "replay/log/posix_storage.h"
#include "replay/log/redeal.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;
using replay::PosixStorage;

std::optional<replay::ShardState> PartOf(const StorePlan& plan, std::uint16_t shard) {
  const auto part = plan.shard_parts.find(shard);
  if (part == plan.shard_parts.end() || part->second.empty()) return std::nullopt;
  return replay::ShardState::Decode(part->second);
}

/// How many shards wrote what is there; 0: not known.
std::uint16_t ShardsBefore(const fs::path& folder, const StorePlan& plan,
                           const std::vector<std::uint16_t>& stored) {
  if (const auto layout = ReadStoreLayout(folder)) return layout->shards;
  if (!plan.shard_parts.empty()) return static_cast<std::uint16_t>(plan.shard_parts.size());
  return stored.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(stored.back() + 1);
}

}  // namespace

std::vector<std::uint16_t> ShardsToDealOut(const fs::path& folder, const Job& job,
                                           const StorePlan& plan) {
  const auto stored = StoredShards(folder);
  const std::uint16_t before = ShardsBefore(folder, plan, stored);
  if (before == 0 || before == job.Shards()) return {};
  std::vector<std::uint16_t> unseen;
  for (std::uint16_t shard = 0; shard < before; ++shard) {
    if (std::binary_search(stored.begin(), stored.end(), shard)) continue;
    const auto part = PartOf(plan, shard);
    if (part && part->head > part->tail) unseen.push_back(shard);
  }
  if (!unseen.empty()) {
    throw ConfigError(
        fmt::format("replay.shards: {}: the run had {}, so rank 0 has to deal their store out "
                    "anew, but it does "
                    "not see that of shard {} in {}; resume with {} shards, or bring the folders "
                    "together where "
                    "every host sees them (replay.dir), or start afresh with --resume never",
                    job.Shards(), before, fmt::join(unseen, ", "), folder.string(), before));
  }
  std::vector<std::uint16_t> all(before);
  std::iota(all.begin(), all.end(), std::uint16_t{0});
  return all;
}

std::vector<std::string> DealOut(StorePlan& plan, const Job& job, std::uint32_t attempt) {
  const auto start = std::chrono::steady_clock::now();
  const fs::path folder = plan.folder;
  StorePlan fresh = plan;
  fresh.folder = NewStoreFolder(folder).string();
  std::vector<std::unique_ptr<PosixStorage>> storages;
  std::vector<replay::OldShard> old;
  for (const std::uint16_t shard : plan.deal_out) {
    storages.push_back(std::make_unique<PosixStorage>(plan.FolderOf(shard)));
    old.push_back({shard, storages.back().get(), PartOf(plan, shard), {}});
    if (!job.config.run.deterministic) continue;
    const ItemHandle dealt = shard < plan.heads.size() ? plan.heads[shard] : 0;
    old.back().cut_at = old.back().state ? old.back().state->head : dealt;
  }
  std::vector<replay::SegmentStorage*> targets;
  for (std::uint16_t shard = 0; shard < job.Shards(); ++shard) {
    storages.push_back(std::make_unique<PosixStorage>(fresh.FolderOf(shard)));
    targets.push_back(storages.back().get());
  }
  replay::RedealtStore dealt = replay::Redeal(old, targets, job.config, job.environment);
  storages.clear();
  WriteStoreLayout(fresh.folder, {job.Shards(), attempt, dealt.heads});
  SwapInNewStore(folder);
  plan.shard_parts.clear();
  plan.heads = dealt.heads;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  dealt.notes.push_back(fmt::format(
      "the store of {} shards is dealt out to {}: {} chunks, {} transitions, in {:.1f} s",
      plan.deal_out.size(), job.Shards(), dealt.chunks,
      std::accumulate(dealt.items.begin(), dealt.items.end(), std::uint64_t{0}), took.count()));
  plan.deal_out.clear();
  return dealt.notes;
}

}  // namespace stillhouse::cli
