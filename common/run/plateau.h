#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace stillhouse {

/// When students have learnt what they can of a teacher that no longer changes: the agreement of
/// every one of them has not risen by more than kRise for so many of its updates.
class PlateauWatch {
 public:
  static constexpr double kRise = 0.001;

  /// `span`: updates of a student; 0: never.
  PlateauWatch(std::size_t students, std::uint64_t span) : span_(span), seen_(students) {}

  /// What is known of a student now; updates never fall.
  void On(std::size_t student, std::uint64_t updates, double agreement);
  /// This student is gone: it is not waited for.
  void Leave(std::size_t student) { seen_.at(student).left = true; }
  bool Reached() const;

 private:
  struct Seen {
    bool begun = false;
    bool left = false;
    double best = 0;
    std::uint64_t best_at = 0;  ///< updates
    std::uint64_t updates = 0;
  };
  std::uint64_t span_;
  std::vector<Seen> seen_;  ///< [students]
};

}  // namespace stillhouse
