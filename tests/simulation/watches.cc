#include "tests/simulation/watches.h"

#include <algorithm>
#include <cmath>

namespace stillhouse::simulation {
namespace {
/// A request and its reply may both be delayed, the request for totals before them too, and there
/// are reports, ticks and the arithmetic.
constexpr Time kLongestPause = kLongestDelay * 4 + std::chrono::milliseconds(300);
}  // namespace

RateWatch::RateWatch(World& world, const ReplaySettings& replay, double tolerance,
                     const std::optional<ResumePoint>& resume)
    : world_(world),
      samples_per_insert_(replay.samples_per_insert),
      min_size_(static_cast<double>(replay.min_size)),
      tolerance_(tolerance),
      resumed_(resume.has_value()) {
  if (!resume) return;
  inserted_before_ = static_cast<double>(resume->coordinator.inserted);
  sampled_before_ = static_cast<double>(resume->coordinator.samples);
}

void RateWatch::OnRecovered(std::uint64_t held, std::uint64_t inserted) {
  held_ = static_cast<double>(held);
  inserted_at_ = static_cast<double>(inserted);
  inserted_before_ = 0;
  resumed_ = resumed_ || inserted > 0;
}

void RateWatch::Look(std::uint64_t inserted, std::uint64_t sampled, bool frozen) {
  const double fresh = static_cast<double>(inserted) - inserted_at_ + held_;
  const double items = inserted_before_ + static_cast<double>(inserted);
  const double samples = std::max(sampled_before_, static_cast<double>(sampled));
  if (fresh < min_size_ && samples > sampled_before_) {
    world_.Violation(fmt::format("{} samples with {} items in the store, it needs {}",
                                 samples - sampled_before_, fresh, min_size_));
  }
  if (items < min_size_) return;
  const double most_unasked =
      std::max(min_size_, held_) + (held_ < min_size_ ? tolerance_ / samples_per_insert_ : 0);
  const double off = samples - samples_per_insert_ * (items - min_size_);
  // What a resumed run lets in to fill its store is no debt of the learner, and nothing more comes
  // in until it has caught up.
  if (resumed_ && off < 0 && fresh <= most_unasked) return;
  if (frozen && off < 0) return;
  worst_ = std::max(worst_, std::abs(off) / tolerance_);
  if (std::abs(off) <= tolerance_) return;
  world_.Violation(fmt::format("rate limiter: {} samples, {} items: off by {}, tolerance {}",
                               samples, items, off, tolerance_));
}

void CreditWatch::OnBatch(std::uint16_t host) {
  if (--room_[host] >= 0) return;
  world_.Violation(fmt::format("student host {} is sent a batch without having room for it", host));
  room_[host] = 0;
}

void TeacherWatch::Look(std::uint64_t updates, bool can_work, bool student_stopped) {
  if (student_stopped) while_stopped_ += updates - std::min(updates, updates_);
  if (updates != updates_ || !can_work) {
    updates_ = updates;
    idle_since_.reset();
    return;
  }
  if (!idle_since_) idle_since_ = world_.Now();
  if (world_.Now() - *idle_since_ <= kLongestPause) return;
  world_.Violation(
      fmt::format("the teacher stands still after {} updates for {:.3f} s, with work "
                  "to do{}",
                  updates, Seconds(world_.Now() - *idle_since_),
                  student_stopped ? ", while a student host is stopped" : ""));
  idle_since_.reset();
}

}  // namespace stillhouse::simulation
