#include "replay/log/redeal.h"

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <set>

#include "common/base/error.h"
#include "replay/chunk.h"
#include "replay/log/direct_device.h"
#include "replay/log/log_cursor.h"
#include "replay/log/log_settings.h"
#include "replay/log/recovery.h"
#include "replay/log/store_recovery.h"

namespace stillhouse::replay {
namespace {

/// Items of every chunk of a log.
class CountingSink final : public RecoverySink {
 public:
  void Restart(ItemHandle first) override {
    begin = first;
    chunks.clear();
  }
  void OnChunk(const ChunkView& chunk, ItemHandle) override { chunks.push_back(chunk.Items()); }
  void OnPriorities(ItemHandle, double, std::span<const double>) override {}

  ItemHandle begin = 0;
  std::vector<std::uint32_t> chunks;
};

/// One old log on its way.
struct Source {
  CountingSink counts;
  RecoveredLog log;
  std::optional<PrioritySnapshot> snapshot;
  std::uint64_t Items() const { return log.head - counts.begin; }
};

/// Which old log is next and which new shard gets its chunk: the same on every pass.
class Dealer {
 public:
  Dealer(const std::vector<Source>& sources, std::size_t shards)
      : sources_(sources), next_(sources.size(), 0), dealt_(shards, 0) {
    for (const Source& source : sources) left_.push_back(source.Items());
  }
  /// The log with the oldest chunk: shards fill evenly, so the one with the most items to come.
  std::optional<std::size_t> Next() const {
    const auto most = std::max_element(left_.begin(), left_.end());
    if (most == left_.end() || *most == 0) return std::nullopt;
    return static_cast<std::size_t>(most - left_.begin());
  }
  /// Takes its next chunk; how many items that has.
  std::uint32_t Take(std::size_t source) {
    const std::uint32_t items = sources_[source].counts.chunks[next_[source]++];
    left_[source] -= items;
    return items;
  }
  std::size_t Deal(std::uint32_t items) {
    const auto least = std::min_element(dealt_.begin(), dealt_.end());
    *least += items;
    return static_cast<std::size_t>(least - dealt_.begin());
  }
  std::uint64_t Left() const {
    return std::accumulate(left_.begin(), left_.end(), std::uint64_t{0});
  }
  const std::vector<std::uint64_t>& Dealt() const { return dealt_; }

 private:
  const std::vector<Source>& sources_;
  std::vector<std::size_t> next_;
  std::vector<std::uint64_t> left_;
  std::vector<std::uint64_t> dealt_;
};

class Redealing {
 public:
  Redealing(const std::vector<OldShard>& old, const std::vector<SegmentStorage*>& fresh,
            const RunConfig& config, const EnvironmentSpec& environment)
      : old_(old), fresh_(fresh), config_(config), environment_(environment) {}

  RedealtStore Run() {
    for (const OldShard& shard : old_) sources_.push_back(Open(shard));
    PlaceHeads();
    Write();
    return std::move(result_);
  }

 private:
  Source Open(const OldShard& shard);
  void PlaceHeads();
  void Write();
  /// The checkpoint's priorities of a chunk, those beside it, or none.
  std::optional<RaisedPriorities> PrioritiesOf(const Source& source, const LogCursor::Entry& entry,
                                               std::uint32_t items) const;

  const std::vector<OldShard>& old_;
  const std::vector<SegmentStorage*>& fresh_;
  const RunConfig& config_;
  const EnvironmentSpec& environment_;
  std::vector<Source> sources_;
  std::set<std::uint64_t> incarnations_;
  std::uint64_t ever_ = 0;
  RedealtStore result_;
};

Source Redealing::Open(const OldShard& shard) {
  RecoverySettings settings;
  settings.shard = shard.index;
  settings.environment = environment_;
  settings.n_step = static_cast<std::uint32_t>(config_.replay.n_step);
  settings.cut_at = shard.cut_at;
  Source source;
  source.log = RecoverLog(*shard.storage, settings, source.counts);
  const auto note = [&](const std::string& line) {
    result_.notes.push_back(fmt::format("shard {} of before: {}", shard.index, line));
  };
  for (const auto& line : source.log.notes) note(line);
  for (const auto& [incarnation, sequence] : source.log.sequences) {
    incarnations_.insert(incarnation);
  }
  if (source.log.empty && shard.state) {
    source.log.head = source.counts.begin = shard.state->head;
  }
  ever_ += source.log.head;
  if (!shard.state || source.log.empty) return source;
  try {
    source.snapshot = ReadSnapshot(*shard.storage, *shard.state);
  } catch (const StorageError& error) {
    note(fmt::format("{}: its items begin with their initial priorities", error.what()));
  } catch (const WireError& error) {
    note(fmt::format("{}: its items begin with their initial priorities", error.what()));
  }
  return source;
}

void Redealing::PlaceHeads() {
  Dealer dealer(sources_, fresh_.size());
  const auto capacity = static_cast<std::uint64_t>(config_.replay.capacity);
  while (const auto source = dealer.Next()) {
    const bool fits = dealer.Left() <= capacity;
    const std::uint32_t items = dealer.Take(*source);
    if (!fits) continue;
    dealer.Deal(items);
    ++result_.chunks;
  }
  result_.items = dealer.Dealt();
  const std::uint64_t held =
      std::accumulate(result_.items.begin(), result_.items.end(), std::uint64_t{0});
  SH_CHECK(held <= ever_, "{} items held of {} ever stored", held, ever_);
  const std::uint64_t shards = fresh_.size();
  for (std::uint64_t k = 0; k < shards; ++k) {
    const std::uint64_t gone = (ever_ - held) / shards + (k < (ever_ - held) % shards ? 1 : 0);
    result_.heads.push_back(gone + result_.items[k]);
  }
}

std::optional<RaisedPriorities> Redealing::PrioritiesOf(const Source& source,
                                                        const LogCursor::Entry& entry,
                                                        std::uint32_t items) const {
  if (source.snapshot && entry.first >= source.snapshot->first) {
    const auto& all = source.snapshot->priorities;
    const std::uint64_t at = entry.first - source.snapshot->first;
    if (at + items <= all.size()) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at);
      return RaisedPriorities{source.snapshot->alpha,
                              {begin, begin + static_cast<std::ptrdiff_t>(items)}};
    }
  }
  return entry.priorities;
}

void Redealing::Write() {
  struct Target {
    std::unique_ptr<DirectDevice> device;
    std::unique_ptr<SegmentLog> log;
    ItemHandle next = 0;
  };
  const auto shards = static_cast<std::uint16_t>(fresh_.size());
  std::vector<Target> targets(shards);
  for (std::uint16_t k = 0; k < shards; ++k) {
    targets[k].device = std::make_unique<DirectDevice>(*fresh_[k], /*sync=*/false);
    targets[k].log = std::make_unique<SegmentLog>(LogSettingsOf(config_, k, shards, environment_),
                                                  *targets[k].device, LogStart{});
    targets[k].next = result_.heads[k] - result_.items[k];
  }
  std::vector<LogCursor> cursors;
  for (std::size_t j = 0; j < sources_.size(); ++j) {
    cursors.emplace_back(*old_[j].storage, sources_[j].log.start.segments,
                         sources_[j].counts.begin);
  }
  const auto closed = [this] {
    WorkerSequences sequences;
    for (const auto incarnation : incarnations_)
      sequences.emplace_back(incarnation, kClosedSequence);
    return sequences;
  };
  Dealer dealer(sources_, shards);
  const auto capacity = static_cast<std::uint64_t>(config_.replay.capacity);
  while (const auto j = dealer.Next()) {
    const bool fits = dealer.Left() <= capacity;
    const std::uint32_t items = dealer.Take(*j);
    const auto entry = cursors[*j].Next();
    if (!entry) throw StorageError("a log is shorter than it was when it was recovered");
    if (!fits) continue;
    Target& target = targets[dealer.Deal(items)];
    target.log->Append(target.next, items, entry->chunk, closed);
    if (const auto priorities = PrioritiesOf(sources_[*j], *entry, items)) {
      target.log->AppendPriorities(target.next, priorities->alpha, priorities->values);
    }
    target.log->ThrowIfFailed();
    target.next += items;
  }
  for (std::uint16_t k = 0; k < shards; ++k) {
    if (targets[k].log->Newest() != 0) fresh_[k]->Sync(SegmentName(targets[k].log->Newest()));
  }
}

}  // namespace

RedealtStore Redeal(const std::vector<OldShard>& old, const std::vector<SegmentStorage*>& fresh,
                    const RunConfig& config, const EnvironmentSpec& environment) {
  SH_CHECK(!fresh.empty() && fresh.size() < 65536, "{} shards", fresh.size());
  return Redealing(old, fresh, config, environment).Run();
}

}  // namespace stillhouse::replay
