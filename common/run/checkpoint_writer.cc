#include "common/run/checkpoint_writer.h"

#include <utility>

#include "common/base/error.h"

namespace stillhouse {
namespace {
/// The coordinator has one under way; the bound only catches bugs.
constexpr std::size_t kMostWaiting = 4;
}  // namespace

CheckpointOutcome WriteCheckpoint(const CheckpointStore& store, const Checkpoint& checkpoint,
                                  std::size_t keep) {
  CheckpointOutcome outcome{checkpoint.facts.updates, 0, {}};
  for (const auto& [name, bytes] : checkpoint.files) outcome.bytes += bytes.size();
  try {
    store.Write(checkpoint, keep);
  } catch (const std::exception& error) {
    outcome.error = error.what();
  }
  return outcome;
}

CheckpointWriter::CheckpointWriter(const std::filesystem::path& run_directory, std::size_t keep)
    : store_(run_directory), keep_(keep), queue_(kMostWaiting), thread_([this] {
        while (auto checkpoint = queue_.Pop()) Write(*checkpoint);
      }) {}

CheckpointWriter::~CheckpointWriter() {
  queue_.Close();
  thread_.join();
}

void CheckpointWriter::Submit(Checkpoint checkpoint) { queue_.Push(std::move(checkpoint)); }

void CheckpointWriter::Write(const Checkpoint& checkpoint) {
  CheckpointOutcome outcome = WriteCheckpoint(store_, checkpoint, keep_);
  const std::lock_guard lock(mutex_);
  outcomes_.push_back(std::move(outcome));
}

std::optional<CheckpointOutcome> CheckpointWriter::TakeOutcome() {
  const std::lock_guard lock(mutex_);
  if (outcomes_.empty()) return std::nullopt;
  CheckpointOutcome outcome = std::move(outcomes_.front());
  outcomes_.pop_front();
  return outcome;
}

}  // namespace stillhouse
