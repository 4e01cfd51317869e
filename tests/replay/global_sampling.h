#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "replay/item_store.h"
#include "replay/sampler.h"
#include "tests/replay/chunk_maker.h"
#include "tests/support/chi_squared.h"

namespace stillhouse::replay {

/// A quiescent store split over shards of uneven size, priorities skewed 100 : 1, for the question
/// whether draws over all shards follow one distribution (targets: replay.global_sampling).
class GlobalStore {
 public:
  GlobalStore(std::uint32_t shards, std::uint32_t items, const ReplaySettings& settings)
      : sampler_(shards, settings) {
    Rng rng(99);
    ItemStoreSettings store;
    store.capacity = items;
    store.alpha = 1;
    store.priority_epsilon = 0;
    store.n_step = 1;
    for (std::uint32_t k = 0; k < shards; ++k) {
      stores_.push_back(std::make_unique<ItemStore>(store));
      firsts_.push_back(probabilities_.size());
      // Shares 1 : 2 : 3 ..., so that shards differ in size and mass.
      const std::uint32_t begin = items * (k * (k + 1)) / (shards * (shards + 1));
      const std::uint32_t end = items * ((k + 1) * (k + 2)) / (shards * (shards + 1));
      ExperienceChunk chunk = MakeChunk(1, 1, begin, end - begin, 1);
      for (float& error : chunk.td_errors) {
        error = static_cast<float>(std::pow(100, rng.Uniform()));
        probabilities_.push_back(error);
      }
      const auto bytes = chunk.Encode(CounterSpec());
      stores_[k]->Insert(ChunkView(bytes, CounterSpec(), 1));
      sampler_.Learn(k, stores_[k]->Totals());
    }
    double sum = 0;
    for (const double p : probabilities_) sum += p;
    for (double& p : probabilities_) p /= sum;
  }

  Batch Draw(std::uint32_t rows, Rng& rng) {
    const auto requests = sampler_.Draw(rows, rng);
    std::optional<Batch> batch;
    for (std::uint32_t k = 0; k < requests.size(); ++k) {
      batch = sampler_.Accept(k, stores_[k]->Sample(requests[k]));
    }
    return *batch;
  }

  /// Draws of every item.
  std::vector<std::uint64_t> Count(std::uint64_t draws, Rng& rng) {
    std::vector<std::uint64_t> counts(probabilities_.size(), 0);
    for (std::uint64_t done = 0; done < draws; done += kBatch) {
      const Batch batch = Draw(kBatch, rng);
      for (std::size_t i = 0; i < batch.Size(); ++i) {
        ++counts[firsts_[batch.shards[i]] + batch.handles[i]];
      }
    }
    return counts;
  }

  /// The largest relative error among ten groups of items, in order of priority, of a tenth of
  /// the mass each.
  double WorstDecile(const std::vector<std::uint64_t>& counts) const {
    std::vector<std::size_t> order(counts.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return probabilities_[a] < probabilities_[b]; });
    double draws = 0;
    for (const std::uint64_t count : counts) draws += static_cast<double>(count);
    std::vector<double> wanted(10, 0.0);
    std::vector<double> got(10, 0.0);
    double mass = 0;
    for (const std::size_t i : order) {
      const auto decile = std::min<std::size_t>(static_cast<std::size_t>(mass * 10), 9);
      mass += probabilities_[i];
      wanted[decile] += probabilities_[i];
      got[decile] += static_cast<double>(counts[i]) / draws;
    }
    double worst = 0;
    for (std::size_t d = 0; d < 10; ++d) worst = std::max(worst, std::abs(got[d] / wanted[d] - 1));
    return worst;
  }

  const std::vector<double>& Probabilities() const { return probabilities_; }
  const ItemStore& Store(std::uint32_t shard) const { return *stores_[shard]; }
  std::size_t First(std::uint32_t shard) const { return firsts_[shard]; }

 private:
  static constexpr std::uint32_t kBatch = 1000;

  Sampler sampler_;
  std::vector<std::unique_ptr<ItemStore>> stores_;
  std::vector<std::size_t> firsts_;    ///< [shards] number of its first item in the whole store
  std::vector<double> probabilities_;  ///< of every item, in order of shards
};

}  // namespace stillhouse::replay
