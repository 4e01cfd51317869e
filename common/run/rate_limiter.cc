#include "common/run/rate_limiter.h"

#include <algorithm>
#include <cmath>

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

void RateLimiter::ReportInserted(std::uint64_t items) { inserted_ = std::max(inserted_, items); }

void RateLimiter::ReportSampled(std::uint64_t samples) { sampled_ = std::max(sampled_, samples); }

std::uint64_t RateLimiter::SampleAllowance() const {
  if (inserted_ < min_size_) return 0;
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
  return min_size_ + beyond;
}

std::string RateLimiter::WhoWaits(bool insert_blocked, bool sample_blocked) const {
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

}  // namespace stillhouse
