#pragma once

#include <cstdint>
#include <string>

namespace stillhouse {

/// Keeps sampling and inserting in step over the whole store: with I items inserted and S items
/// sampled, once I >= m (`min_size`),  |S - s (I - m)| <= tolerance,  s being
/// `samples_per_insert`. Pure arithmetic on cumulative counts; reports may come late and doubled,
/// the allowances then are merely smaller than they could be, and they never fall.
class RateLimiter {
 public:
  /// s > 0, tolerance >= 0 (SH_CHECK); see ResolveTolerance in common/config/config_check.h.
  RateLimiter(double samples_per_insert, std::uint64_t min_size, double tolerance);

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
};

}  // namespace stillhouse
