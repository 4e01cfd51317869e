#include "replay/log/store_recovery.h"

#include <algorithm>
#include <cstring>

#include "common/base/error.h"

namespace stillhouse::replay {
namespace {

class StoreSink final : public RecoverySink {
 public:
  StoreSink(ItemStore& store, double alpha) : store_(store), alpha_(alpha) {}
  void Restart(ItemHandle first) override { store_.Restart(first); }
  void OnChunk(const ChunkView& chunk, ItemHandle) override { store_.Insert(chunk); }
  void OnPriorities(ItemHandle first, double alpha, std::span<const double> priorities) override {
    std::vector<double> raised(priorities.size());
    std::transform(priorities.begin(), priorities.end(), raised.begin(), [&](double priority) {
      return WithExponent(priority, alpha, alpha_).value_or(0);  // 0: keeps the initial one
    });
    store_.SetPriorities(first, raised);
  }

 private:
  ItemStore& store_;
  double alpha_;
};

}  // namespace

PrioritySnapshot ReadSnapshot(const SegmentStorage& storage, const ShardState& state) {
  const auto bytes = storage.Read(state.file);
  std::uint32_t crc = 0;
  if (bytes.size() >= sizeof(crc)) {
    std::memcpy(&crc, bytes.data() + bytes.size() - sizeof(crc), sizeof(crc));
  }
  if (bytes.size() != state.file_bytes || crc != state.file_crc) {
    throw WireError(fmt::format(
        "{}: {} bytes with checksum {:08x}, the checkpoint says {} and {:08x}",
        storage.Describe(state.file), bytes.size(), crc, state.file_bytes, state.file_crc));
  }
  return PrioritySnapshot::Decode(bytes, storage.Describe(state.file));
}

RecoveredLog RecoverStore(SegmentStorage& storage, const RecoverySettings& settings, double alpha,
                          const std::optional<ShardState>& state, ItemHandle first_handle,
                          ItemStore& store) {
  StoreSink sink(store, alpha);
  RecoveredLog log = RecoverLog(storage, settings, sink);
  if (log.empty) {
    store.Restart(first_handle);
    log.head = first_handle;
    return log;
  }
  if (!state) return log;
  const auto initial = [&](const std::string& why) {
    log.notes.push_back(why + ": the store begins with its initial priorities");
  };
  try {
    const PrioritySnapshot snapshot = ReadSnapshot(storage, *state);
    sink.OnPriorities(snapshot.first, snapshot.alpha, snapshot.priorities);
  } catch (const StorageError& error) {
    initial(error.what());
  } catch (const WireError& error) {
    initial(error.what());
  }
  return log;
}

}  // namespace stillhouse::replay
