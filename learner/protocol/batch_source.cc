#include "learner/protocol/batch_source.h"

#include <utility>

namespace stillhouse::learner {

// While nothing is known of the shards, or all are empty, only their totals are asked for.
bool BatchSource::Request(Rng& rng, Outbox& out) {
  if (sampler_.TotalMass() <= 0 && !polls_.empty()) return false;
  auto requests = sampler_.Draw(rows_, rng);
  const bool drawn = !requests.empty();
  if (!drawn) {
    requests = sampler_.Poll();
    for (std::uint16_t shard = 0; shard < shards_; ++shard) {
      if (!sampler_.IsDown(shard)) polls_.insert(shard);
    }
  }
  for (std::uint16_t shard = 0; shard < shards_; ++shard) {
    if (sampler_.IsDown(shard)) continue;
    SendTo(out, self_, {RoleKind::kShard, shard}, requests[shard]);
  }
  return drawn;
}

void BatchSource::OnReply(const Envelope& envelope) {
  polls_.erase(envelope.from.index);
  auto batch = sampler_.Accept(envelope.from.index, DecodeBody<SampleReply>(envelope));
  if (batch && batch->Size() > 0) ready_.push_back(std::move(*batch));
}

std::size_t BatchSource::OnShardDown(std::uint16_t shard) {
  polls_.erase(shard);
  return shard < shards_ ? sampler_.ShardDown(shard) : 0;
}

std::optional<replay::Batch> BatchSource::Take() {
  if (ready_.empty()) return std::nullopt;
  replay::Batch batch = std::move(ready_.front());
  ready_.pop_front();
  return batch;
}

void BatchSource::SendPriorities(const replay::Batch& batch, std::span<const float> td_errors,
                                 Outbox& out) const {
  const auto priorities = sampler_.Split(batch, td_errors);
  for (std::uint16_t shard = 0; shard < shards_; ++shard) {
    if (priorities[shard].handles.empty()) continue;
    SendTo(out, self_, {RoleKind::kShard, shard}, priorities[shard]);
  }
}

bool BatchSource::AwaitsReplies() const {
  // Polls follow one another while the store is empty; one that stays open is a wait.
  return sampler_.Pending() > 0 || (!polls_.empty() && polls_.size() < shards_);
}

std::vector<std::uint16_t> BatchSource::Owing() const {
  auto owing = sampler_.Owing();
  owing.insert(owing.end(), polls_.begin(), polls_.end());
  return owing;
}

}  // namespace stillhouse::learner
