#pragma once

#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "common/base/bounded_queue.h"
#include "common/run/checkpoint_store.h"

namespace stillhouse {

/// What became of a checkpoint.
struct CheckpointOutcome {
  std::uint64_t updates = 0;
  std::uint64_t bytes = 0;
  std::string error;  ///< not empty: it was not written; the earlier ones stand
};

/// Writes checkpoints on a thread of its own, in order: syncing a disk takes seconds that no event
/// loop has.
class CheckpointWriter {
 public:
  CheckpointWriter(const std::filesystem::path& run_directory, std::size_t keep);
  /// Finishes what was submitted.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  void Submit(Checkpoint checkpoint);
  /// The oldest outcome not taken yet; never waits.
  std::optional<CheckpointOutcome> TakeOutcome();

 private:
  void Write(const Checkpoint& checkpoint);

  CheckpointStore store_;
  std::size_t keep_;
  std::mutex mutex_;
  std::deque<CheckpointOutcome> outcomes_;  ///< guarded by mutex_
  BoundedQueue<Checkpoint> queue_;
  std::thread thread_;
};

/// Writes one and says what became of it; never throws.
CheckpointOutcome WriteCheckpoint(const CheckpointStore& store, const Checkpoint& checkpoint,
                                  std::size_t keep);

}  // namespace stillhouse
