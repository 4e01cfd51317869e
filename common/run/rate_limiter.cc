#include "common/run/rate_limiter.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/base/error.h"

namespace stillhouse {
namespace {

/// floor(value) as a count; above what a double counts exactly there is no limit worth keeping.
std::uint64_t FloorCount(double value) {
  constexpr double kMost = 0x1.0p53;
  if (!(value > 0)) return 0;
  return static_cast<std::uint64_t>(std::floor(std::min(value, kMost)));
}

}  // namespace

RateLimiter::RateLimiter(double samples_per_insert, std::uint64_t min_size, double tolerance)
    : samples_per_insert_(samples_per_insert), min_size_(min_size), tolerance_(tolerance) {
  SH_CHECK(samples_per_insert > 0, "samples_per_insert {}", samples_per_insert);
  SH_CHECK(tolerance >= 0, "tolerance {}", tolerance);
}

void RateLimiter::Resume(std::uint64_t inserted, std::uint64_t sampled, std::uint64_t held) {
  inserted_ = inserted;
  sampled_ = sampled;
  // A store that holds enough goes by the rule alone.
  refilled_at_ = held >= min_size_ ? 0 : inserted + min_size_ - held;
}

void RateLimiter::ReportInserted(std::uint64_t items) { inserted_ = std::max(inserted_, items); }

void RateLimiter::ReportSampled(std::uint64_t samples) { sampled_ = std::max(sampled_, samples); }

std::uint64_t RateLimiter::SampleAllowance() const {
  if (inserted_ < min_size_) return 0;
  if (inserted_ < refilled_at_) return sampled_;
  const double earned = samples_per_insert_ * static_cast<double>(inserted_ - min_size_);
  return FloorCount(earned + tolerance_);
}

std::uint64_t RateLimiter::InsertAllowance() const {
  const double paid = (static_cast<double>(sampled_) + tolerance_) / samples_per_insert_;
  // Rounding of the division must not let one item too many through.
  std::uint64_t beyond = FloorCount(paid);
  while (beyond > 0 && static_cast<double>(beyond) * samples_per_insert_ >
                           static_cast<double>(sampled_) + tolerance_) {
    --beyond;
  }
  if (refilled_at_ == 0) return min_size_ + beyond;
  // Chunks do not come in ones: as at the first filling, the tolerance is the room for the last.
  return std::max(min_size_ + beyond, refilled_at_ + FloorCount(tolerance_ / samples_per_insert_));
}

std::string RateLimiter::WhoWaits(bool insert_blocked, bool sample_blocked) const {
  if (inserted_ < refilled_at_) {
    return fmt::format("sampling waits for the store to fill again: {} of {} items",
                       inserted_ + min_size_ - refilled_at_, min_size_);
  }
  if (inserted_ < min_size_) {
    return sample_blocked ? fmt::format("sampling waits for the store to fill: {} of {} items",
                                        inserted_, min_size_)
                          : std::string();
  }
  const double ratio = inserted_ > min_size_ ? static_cast<double>(sampled_) /
                                                   static_cast<double>(inserted_ - min_size_)
                                             : 0.0;
  const std::string counts = fmt::format("{} samples, {} items, {:.2f} samples an insert of {}",
                                         sampled_, inserted_, ratio, samples_per_insert_);
  if (insert_blocked && sample_blocked) return "both sides wait: " + counts;
  if (insert_blocked) return "actors wait for the learner: " + counts;
  if (sample_blocked) return "the learner waits for actors: " + counts;
  return {};
}

std::vector<std::uint64_t> ShareOut(std::uint64_t allowance,
                                    std::span<const std::uint64_t> inserted,
                                    std::span<const std::uint64_t> granted) {
  std::vector<std::uint64_t> grants(granted.begin(), granted.end());
  if (grants.empty()) return grants;  // every shard has died
  for (std::size_t shard = 0; shard < grants.size(); ++shard) {
    grants[shard] = std::max(grants[shard], inserted[shard]);
  }
  const std::uint64_t sum = std::accumulate(grants.begin(), grants.end(), std::uint64_t{0});
  std::uint64_t left = allowance - std::min(allowance, sum);
  const auto room = [&](std::size_t shard) { return grants[shard] - inserted[shard]; };
  std::uint64_t rooms = left;
  for (std::size_t shard = 0; shard < grants.size(); ++shard) rooms += room(shard);
  const std::uint64_t level = rooms / grants.size();
  std::vector<std::size_t> poorest_first(grants.size());
  std::iota(poorest_first.begin(), poorest_first.end(), std::size_t{0});
  std::sort(poorest_first.begin(), poorest_first.end(),
            [&](std::size_t a, std::size_t b) { return room(a) < room(b); });
  for (const std::size_t shard : poorest_first) {
    const std::uint64_t more = std::min(left, level - std::min(level, room(shard)));
    grants[shard] += more;
    left -= more;
  }
  return grants;
}

}  // namespace stillhouse
