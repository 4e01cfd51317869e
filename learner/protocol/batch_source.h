#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "common/base/rng.h"
#include "common/messages/envelope.h"
#include "replay/sampler.h"

namespace stillhouse::learner {

/// A learner's batches: draws them from all shards, asks for totals while nothing is known of what
/// the shards hold, keeps what has come. Logic only.
class BatchSource {
 public:
  BatchSource(RoleAddress self, std::uint16_t shards, const ReplaySettings& settings,
              std::uint32_t rows)
      : self_(self), shards_(shards), rows_(rows), sampler_(shards, settings) {}

  /// Draws asked for or here, not taken yet.
  std::size_t Held() const { return sampler_.Pending() + ready_.size(); }
  /// Asks the shards for another batch. False: nothing is known that could be drawn from, and at
  /// most totals were asked for.
  bool Request(Rng& rng, Outbox& out);
  /// Of a shard. Throws WireError.
  void OnReply(const Envelope& envelope);
  /// Returns how many draws died with it.
  std::size_t OnShardDown(std::uint16_t shard);
  std::optional<replay::Batch> Take();
  bool HasBatch() const { return !ready_.empty(); }
  void Clear() { ready_.clear(); }
  /// New |TD error|s [B] on their way to the shards that gave the rows.
  void SendPriorities(const replay::Batch& batch, std::span<const float> td_errors,
                      Outbox& out) const;

  // For those who wonder why nothing happens.

  bool AwaitsReplies() const;
  std::vector<std::uint16_t> Owing() const;
  bool KnowsOfItems() const { return sampler_.TotalMass() > 0; }

 private:
  RoleAddress self_;
  std::uint16_t shards_;
  std::uint32_t rows_;
  replay::Sampler sampler_;
  std::deque<replay::Batch> ready_;
  std::set<std::uint16_t> polls_;  ///< shards whose reply about totals alone is still missing
};

}  // namespace stillhouse::learner
