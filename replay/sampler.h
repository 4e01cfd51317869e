#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "common/base/rng.h"
#include "common/config/run_config.h"
#include "common/messages/sampling.h"
#include "replay/batch.h"

namespace stillhouse::replay {

/// The learner's side of the replay store: makes draws over all shards as if they were one sum
/// tree, and joins the replies to batches with the exact probability of every row.
///
/// A draw asks every shard, with no offsets where none fall, so that totals stay fresh. Shards
/// that changed since scale the offsets; then row i of shard k was drawn with
///   P_i = (M_k assumed / T assumed) * p_i / M_k actual,
/// which is what the weights (N P)^-beta use (Schaul et al. 2016, section 3.4).
class Sampler {
 public:
  Sampler(std::uint32_t shards, const ReplaySettings& settings);

  /// Requests that only ask for totals, [shards]: send them until TotalMass() > 0. Their replies
  /// go to Accept like all others.
  std::vector<SampleRequest> Poll();

  /// Draws `batch_size` rows. Requests [shards], one for each that is not down, to be sent as they
  /// are; empty when no shard is known to hold anything.
  std::vector<SampleRequest> Draw(std::uint32_t batch_size, Rng& rng);

  /// Takes a reply of `shard` and its totals. The batch, when this was the last reply of its
  /// draw; rows in draw order. A shard that had run empty gives no rows: then the batch is
  /// shorter (possibly empty). Replies of unknown draws only bring totals. Throws WireError when
  /// a reply has more rows than were asked for.
  std::optional<Batch> Accept(std::uint32_t shard, SampleReply reply);

  /// The per-shard messages that bring a batch's new |TD errors| [B] home; shards without rows
  /// get none (no handles).
  std::vector<PriorityUpdate> Split(const Batch& batch, std::span<const float> td_errors) const;

  /// Totals that arrived by another way.
  void Learn(std::uint32_t shard, const ShardTotals& totals);
  double TotalMass() const;
  /// Items in the whole store, as far as known.
  std::uint64_t Size() const;
  /// This shard is gone for good: its mass and its items count no more and draws are over the
  /// others alone. Draws that still miss its reply are forgotten; how many.
  std::size_t ShardDown(std::uint32_t shard);
  bool IsDown(std::uint32_t shard) const { return down_[shard]; }

  /// Shards whose reply to the oldest draw under way has not come.
  std::vector<std::uint16_t> Owing() const;

  /// Draws whose replies have not all come.
  std::size_t Pending() const { return pending_.size(); }
  /// Forgets pending draws; their replies then only bring totals.
  void Forget() { pending_.clear(); }

 private:
  /// A draw under way.
  struct Plan {
    double assumed_total = 0;
    std::vector<double> assumed_mass;   ///< [shards]
    std::vector<std::uint32_t> shards;  ///< [B] where row r was sent; its place there is its rank
    std::vector<std::optional<SampleReply>> replies;  ///< [shards]
    std::uint32_t missing = 0;
  };

  Batch Join(std::uint64_t id, Plan& plan) const;
  void SetWeights(const Plan& plan, Batch& batch) const;

  std::uint32_t shards_;
  ReplaySettings settings_;
  std::vector<ShardTotals> totals_;  ///< [shards] latest known
  std::vector<bool> down_;           ///< [shards] gone for good
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, Plan> pending_;
};

}  // namespace stillhouse::replay
