#include "cli/seams.h"

#include <algorithm>
#include <utility>

#include "cli/store_layout.h"
#include "common/base/error.h"
#include "common/run/checkpoint_store.h"

namespace stillhouse::cli {

bool HasSeams(const RunConfig& config) {
  return config.run.deterministic && config.replay.durability != Durability::kNone &&
         config.checkpoint.every.value > 0;
}

void TakeKeptTails(const std::filesystem::path& run_dir, Job& job) {
  job.kept_tails.clear();
  const auto layout = ReadStoreLayout(job.store.folder);
  const CheckpointStore store(run_dir);
  auto checkpoints = store.List();  // newest first
  const auto keep = static_cast<std::size_t>(job.config.checkpoint.keep);
  checkpoints.resize(std::min(checkpoints.size(), keep));
  std::reverse(checkpoints.begin(), checkpoints.end());
  for (const auto& directory : checkpoints) {
    try {
      const Checkpoint checkpoint = CheckpointStore::Read(directory);
      // Of other shards than these, or of a store that was not kept.
      if (layout && checkpoint.facts.attempt < layout->attempt) continue;
      for (std::uint16_t shard = 0; shard < job.Shards(); ++shard) {
        const auto part = checkpoint.files.find(ShardCheckpointFile(shard));
        if (part == checkpoint.files.end() || part->second.empty()) continue;
        job.kept_tails[shard].push_back(replay::ShardState::Decode(part->second).tail);
      }
    } catch (const WireError&) {
      continue;  // damaged: nothing goes on from it
    }
  }
}

Job JobAtSeam(const std::filesystem::path& run_dir, Job job) {
  std::string trouble;
  const auto checkpoint =
      CheckpointStore(run_dir).ReadNewest([&trouble](const std::string& why) { trouble = why; });
  if (!checkpoint || !trouble.empty()) {
    throw StorageError(fmt::format("{}: the checkpoint that was just written cannot be read: {}",
                                   run_dir.string(), trouble));
  }
  job.resume = MakeResumePoint(*checkpoint, job.model_names);
  job.resuming = true;
  job.at_seam = true;
  job.store.fresh = false;
  job.store.shard_parts = job.resume->shards;
  job.store.heads.clear();
  job.store.inserted = job.resume->coordinator.inserted;
  TakeKeptTails(run_dir, job);
  return job;
}

std::string WhyNotTheSame(const Job& job) {
  if (!job.resume || HasSeams(job.config)) return {};
  const std::string what = job.config.replay.durability == Durability::kNone
                               ? "replay.durability is none"
                               : "checkpoint.every is off";
  return what + ": this run is deterministic from here on, but not the one that was interrupted";
}

Coordinator::Outcome LeaveOnSeam(const std::string& signal, const Job& job, RunRecorder& recorder) {
  Coordinator::Outcome outcome;
  outcome.preempted = true;
  outcome.reason = fmt::format("stopped by {}", signal);
  recorder.OnNote(outcome.reason + (job.resume
                                        ? fmt::format("; checkpoint {} is what it goes on from",
                                                      job.resume->coordinator.updates)
                                        : "; there is no checkpoint yet: it begins again"));
  return outcome;
}

}  // namespace stillhouse::cli
