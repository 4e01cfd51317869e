// A shard's log and its part in checkpoints; messages and workers are in shard.cc.
#include <algorithm>

#include "common/base/error.h"
#include "common/messages/checkpoint.h"
#include "replay/log/log_settings.h"
#include "replay/log/store_recovery.h"
#include "replay/shard.h"

namespace stillhouse::replay {
namespace {
/// Between two slices of priorities. A busy shard turns 20 times a millisecond: with a slice in
/// each turn a checkpoint would want more of the disk than the experience does, for no gain.
constexpr Time kSliceGap = std::chrono::milliseconds(1);
}  // namespace

void Shard::Recover(const ShardDisk& disk) {
  const RunConfig& config = settings_.config;
  RecoverySettings recovery;
  recovery.shard = settings_.index;
  recovery.environment = settings_.environment;
  recovery.n_step = static_cast<std::uint32_t>(config.replay.n_step);
  recovery.expect_empty = settings_.fresh;
  recovery.cut_at = settings_.cut_at;
  if (settings_.cut_at) {
    if (settings_.resume) recovery.newest_snapshot = *SnapshotNumber(settings_.resume->file);
    checkpoint_tails_.assign(settings_.kept_tails.begin(), settings_.kept_tails.end());
    if (!checkpoint_tails_.empty()) recovery.drop_below = checkpoint_tails_.front();
  }
  RecoveredLog recovered = RecoverStore(*disk.storage, recovery, config.replay.alpha,
                                        settings_.resume, settings_.first_handle, store_);
  notes_ = std::move(recovered.notes);
  for (const auto& [incarnation, sequence] : recovered.sequences) departed_.Lost(incarnation);

  SegmentLogSettings log =
      LogSettingsOf(config, settings_.index, settings_.shards, settings_.environment);
  if (settings_.segment_items > 0) log.segment_items = settings_.segment_items;
  log_.emplace(std::move(log), *disk.device, std::move(recovered.start));
  if (!checkpoint_tails_.empty()) log_->KeepFrom(checkpoint_tails_.front());
  intake_.UseLog(*log_, recovered.sequences);
}

void Shard::BeginCheckpoint(std::uint64_t id, Outbox& out) {
  checkpoint_id_ = id;
  if (!log_) return SendTo(out, Address(), kCoordinatorAddress, ShardPart{id, {}});
  if (priorities_) return;  // the one under way answers this request, too
  priorities_.emplace(settings_.index, store_, settings_.config.replay.alpha, *log_);
  priorities_handed_over_ = false;
  if (!settings_.config.run.deterministic) return;
  // A run that goes on from an older checkpoint makes everything since then again: from what was
  // in the store at that time.
  checkpoint_tails_.push_back(store_.Tail());
  const auto kept = static_cast<std::size_t>(settings_.config.checkpoint.keep) + 1;
  if (checkpoint_tails_.size() > kept) checkpoint_tails_.pop_front();
  log_->KeepFrom(checkpoint_tails_.front());
}

void Shard::TickCheckpoint(Time now, Outbox& out) {
  if (!priorities_) return;
  if (!priorities_handed_over_) {
    if (last_slice_ && now - *last_slice_ < kSliceGap) return;
    last_slice_ = now;
    priorities_handed_over_ = priorities_->Step(store_);
    if (!priorities_handed_over_) return;
  }
  if (log_->Done() < priorities_->Position()) return;
  SendTo(out, Address(), kCoordinatorAddress,
         ShardPart{checkpoint_id_, priorities_->State().Encode()});
  priorities_.reset();
}

}  // namespace stillhouse::replay
