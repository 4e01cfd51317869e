#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace stillhouse {

/// Keeps sampling and inserting in step over the whole store: with I items inserted and S items
/// sampled, once I >= m (`min_size`),  |S - s (I - m)| <= tolerance,  s being
/// `samples_per_insert`. Pure arithmetic on cumulative counts; reports may come late and doubled,
/// the allowances then are merely smaller than they could be, and they never fall.
class RateLimiter {
 public:
  /// s > 0, tolerance >= 0 (SH_CHECK); see ResolveTolerance in common/config/config_check.h.
  RateLimiter(double samples_per_insert, std::uint64_t min_size, double tolerance);

  /// Goes on from these counts with a store that holds `held` items. Where those are fewer than m,
  /// nothing may be sampled until m are there and items are let in whatever the samples say; then
  /// the rule holds again, the learner catching up on what came meanwhile.
  void Resume(std::uint64_t inserted, std::uint64_t sampled, std::uint64_t held = 0);

  /// Cumulative counts as reported; a smaller one than before is ignored.
  void ReportInserted(std::uint64_t items);
  void ReportSampled(std::uint64_t samples);

  /// Most samples that may have been requested in all: 0 while I < m, else
  /// floor(s (I - m) + tolerance).
  std::uint64_t SampleAllowance() const;
  /// Most items that may have been inserted in all: floor((S + tolerance) / s + m).
  std::uint64_t InsertAllowance() const;

  std::uint64_t Inserted() const { return inserted_; }
  std::uint64_t Sampled() const { return sampled_; }
  double Tolerance() const { return tolerance_; }

  /// Who waits for whom, in words for the log; empty when nobody does.
  std::string WhoWaits(bool insert_blocked, bool sample_blocked) const;

 private:
  double samples_per_insert_;
  std::uint64_t min_size_;
  double tolerance_;
  std::uint64_t inserted_ = 0;
  std::uint64_t sampled_ = 0;
  std::uint64_t refilled_at_ = 0;  ///< items inserted in all when the store holds m again
};

/// Shares `allowance`, of the whole store, out to shards that have inserted and been granted so
/// many: grants never fall and never add up to more than the allowance, however late reports are.
/// What is not granted yet goes to those with the least left. [shards]
std::vector<std::uint64_t> ShareOut(std::uint64_t allowance,
                                    std::span<const std::uint64_t> inserted,
                                    std::span<const std::uint64_t> granted);

}  // namespace stillhouse
