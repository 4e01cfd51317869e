#include "replay/sampler.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "replay/draw.h"
#include "replay/priority.h"

namespace stillhouse::replay {

Sampler::Sampler(std::uint32_t shards, const ReplaySettings& settings)
    : shards_(shards), settings_(settings), totals_(shards), down_(shards) {
  SH_CHECK(shards >= 1, "no shards");
}

std::vector<SampleRequest> Sampler::Poll() {
  std::vector<SampleRequest> requests(shards_);
  for (auto& request : requests) request.request = next_id_;
  ++next_id_;
  return requests;
}

std::vector<SampleRequest> Sampler::Draw(std::uint32_t batch_size, Rng& rng) {
  Plan plan;
  plan.assumed_total = TotalMass();
  if (!(plan.assumed_total > 0)) return {};
  for (const ShardTotals& totals : totals_) plan.assumed_mass.push_back(totals.mass);
  std::vector<double> uniforms(batch_size);
  for (double& uniform : uniforms) uniform = rng.Uniform();
  const std::vector<double> masses = settings_.draw == DrawKind::kStratified
                                         ? StratifiedMasses(uniforms, plan.assumed_total)
                                         : MultinomialMasses(uniforms, plan.assumed_total);
  ShardDraw draw = SplitMasses(masses, plan.assumed_mass);
  std::vector<SampleRequest> requests(shards_);
  for (std::uint32_t k = 0; k < shards_; ++k) {
    requests[k].request = next_id_;
    requests[k].assumed_mass = plan.assumed_mass[k];
    requests[k].offsets = std::move(draw.offsets[k]);
  }
  plan.shards = std::move(draw.shards);
  plan.replies.resize(shards_);
  plan.missing = static_cast<std::uint32_t>(std::count(down_.begin(), down_.end(), false));
  pending_.emplace(next_id_++, std::move(plan));
  return requests;
}

std::optional<Batch> Sampler::Accept(std::uint32_t shard, SampleReply reply) {
  Learn(shard, reply.totals);
  if (down_[shard]) return std::nullopt;  // sent before its death; its draws are forgotten
  const auto found = pending_.find(reply.request);
  if (found == pending_.end()) return std::nullopt;
  Plan& plan = found->second;
  if (plan.replies[shard].has_value()) return std::nullopt;
  const auto asked =
      static_cast<std::size_t>(std::count(plan.shards.begin(), plan.shards.end(), shard));
  if (reply.handles.size() > asked) {
    throw WireError(fmt::format("shard {}: sample reply {}: {} rows, {} were asked for", shard,
                                reply.request, reply.handles.size(), asked));
  }
  plan.replies[shard] = std::move(reply);
  if (--plan.missing > 0) return std::nullopt;
  Batch batch = Join(found->first, plan);
  pending_.erase(found);
  return batch;
}

Batch Sampler::Join(std::uint64_t id, Plan& plan) const {
  Batch batch;
  batch.id = id;
  batch.Reserve(plan.shards.size());
  const bool one_shard =
      std::all_of(plan.shards.begin(), plan.shards.end(),
                  [&](std::uint32_t shard) { return shard == plan.shards.front(); });
  std::vector<std::size_t> next(shards_, 0);  // rows taken from each reply
  for (const std::uint32_t k : plan.shards) {
    const SampleReply& reply = *plan.replies[k];
    const std::size_t row = next[k]++;
    if (row >= reply.handles.size()) continue;
    const std::size_t packed = reply.observations.size() / reply.handles.size();
    const double share = plan.assumed_mass[k] / plan.assumed_total;
    batch.shards.push_back(k);
    batch.handles.push_back(reply.handles[row]);
    batch.probabilities.push_back(share * reply.priorities[row] / reply.totals.mass);
    batch.actions.push_back(reply.actions[row]);
    batch.rewards.push_back(reply.rewards[row]);
    batch.discounts.push_back(reply.discounts[row]);
    const auto append = [&](std::vector<std::uint8_t>& to, const std::vector<std::uint8_t>& from) {
      const auto at = from.begin() + static_cast<std::ptrdiff_t>(row * packed);
      if (to.empty()) to.reserve(packed * plan.shards.size());
      to.insert(to.end(), at, at + static_cast<std::ptrdiff_t>(packed));
    };
    if (one_shard) continue;  // its rows lie as they are to
    append(batch.observations, reply.observations);
    append(batch.next_observations, reply.next_observations);
  }
  if (one_shard && !plan.shards.empty()) {
    SampleReply& reply = *plan.replies[plan.shards.front()];
    batch.observations = std::move(reply.observations);
    batch.next_observations = std::move(reply.next_observations);
  }
  SetWeights(plan, batch);
  return batch;
}

void Sampler::SetWeights(const Plan& plan, Batch& batch) const {
  double size = 0;
  double least = 0;
  for (std::uint32_t k = 0; k < shards_; ++k) {
    if (!plan.replies[k]) continue;  // down since before the draw
    const ShardTotals& totals = plan.replies[k]->totals;
    size += static_cast<double>(totals.size);
    if (settings_.weight_normalization != WeightNormalization::kStore) continue;
    const double share = plan.assumed_mass[k] / plan.assumed_total;
    if (share <= 0 || totals.min_priority <= 0) continue;
    const double here = share * totals.min_priority / totals.mass;
    least = least > 0 ? std::min(least, here) : here;
  }
  const std::vector<double> weights =
      ImportanceWeights(batch.probabilities, size, settings_.beta, least);
  batch.weights.assign(weights.size(), 0);
  std::transform(weights.begin(), weights.end(), batch.weights.begin(),
                 [](double weight) { return static_cast<float>(weight); });
}

std::vector<PriorityUpdate> Sampler::Split(const Batch& batch,
                                           std::span<const float> td_errors) const {
  SH_CHECK(td_errors.size() == batch.Size(), "{} errors for {} rows", td_errors.size(),
           batch.Size());
  std::vector<PriorityUpdate> updates(shards_);
  for (std::size_t row = 0; row < batch.Size(); ++row) {
    PriorityUpdate& update = updates[batch.shards[row]];
    if (update.handles.empty()) {
      update.handles.reserve(batch.Size());
      update.td_errors.reserve(batch.Size());
    }
    update.handles.push_back(batch.handles[row]);
    update.td_errors.push_back(td_errors[row]);
  }
  return updates;
}

void Sampler::Learn(std::uint32_t shard, const ShardTotals& totals) {
  SH_CHECK(shard < shards_, "shard {} of {}", shard, shards_);
  if (!down_[shard]) totals_[shard] = totals;
}

std::vector<std::uint16_t> Sampler::Owing() const {
  std::vector<std::uint16_t> owing;
  if (pending_.empty()) return owing;
  const Plan& oldest = pending_.begin()->second;
  for (std::uint32_t shard = 0; shard < shards_; ++shard) {
    if (!oldest.replies[shard] && !down_[shard]) owing.push_back(static_cast<std::uint16_t>(shard));
  }
  return owing;
}

std::size_t Sampler::ShardDown(std::uint32_t shard) {
  SH_CHECK(shard < shards_, "shard {} of {}", shard, shards_);
  if (down_[shard]) return 0;
  down_[shard] = true;
  totals_[shard] = {};
  // A draw that it has answered is whole: its rows are as good as those of a batch in hand.
  return std::erase_if(pending_,
                       [shard](const auto& entry) { return !entry.second.replies[shard]; });
}

double Sampler::TotalMass() const {
  double sum = 0;
  for (const auto& totals : totals_) sum += totals.mass;
  return sum;
}

std::uint64_t Sampler::Size() const {
  std::uint64_t sum = 0;
  for (const auto& totals : totals_) sum += totals.size;
  return sum;
}

}  // namespace stillhouse::replay
