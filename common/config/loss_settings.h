#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace stillhouse {

/// A value that moves on a straight line from `from` to `to` over the first `updates` updates of
/// the model that it belongs to (or frames of the run, where its owner says so), and stays there.
struct Schedule {
  double from = 0;
  double to = 0;
  std::int64_t updates = 0;  ///< 0: constant

  constexpr Schedule() = default;
  // A number is a schedule that does not move: settings read as they are written.
  constexpr Schedule(double constant) : from(constant), to(constant) {}  // NOLINT
  constexpr Schedule(double first, double last, std::int64_t span)
      : from(first), to(last), updates(span) {}

  double At(std::uint64_t update) const {
    if (updates == 0 || update >= static_cast<std::uint64_t>(updates)) return to;
    return from + (to - from) * (static_cast<double>(update) / static_cast<double>(updates));
  }
  double Greatest() const { return std::max(from, to); }
  bool operator==(const Schedule&) const = default;
};

enum class LossKind : std::uint8_t {
  kKl,
  kKlReverse,
  kMse,
  kNll,
  kJs,
  kMseCentered,
  kDkd,
  kCrossEntropy,
  kHuber,
};
enum class Temper : std::uint8_t { kTeacher, kBoth };
/// Whose word the label is.
enum class LabelBy : std::uint8_t {
  kTeacher,  ///< the teacher's best action
  kTruth,    ///< the data set's
};

struct DistillLossSettings {
  LossKind kind = LossKind::kKl;
  Temper temper = Temper::kTeacher;
  Schedule temperature = 0.01;
  bool tau_squared = false;  ///< temper: both, times tau^2 (Hinton et al. 2015)
  bool weighted = false;     ///< use the batch's importance weights
  Schedule soft_weight = 1;  ///< of the loss `kind`
  Schedule hard_weight = 0;  ///< of the cross-entropy with the label
  LabelBy label = LabelBy::kTeacher;
  double target_weight = 1;      ///< dkd: alpha of Zhao et al. 2022
  double non_target_weight = 8;  ///< dkd: beta
  Schedule adversarial_weight = 0;
  std::int32_t adversarial_units = 32;  ///< of the discriminator's hidden layer
  bool operator==(const DistillLossSettings&) const = default;
};

/// The loss between a layer of the teacher and a layer of the student, beside the outputs'.
struct FeatureSettings {
  enum class Kind : std::uint8_t { kNone, kHint, kAttention, kAutoencoder, kRelational };
  Kind kind = Kind::kNone;
  Schedule weight = 1;
  std::string teacher_layer = "auto";  ///< as NamedLayer reads it
  std::string student_layer = "auto";
  std::int32_t factors = 0;  ///< autoencoder: of the teacher's features; 0: half their channels
  bool operator==(const FeatureSettings&) const = default;
};

}  // namespace stillhouse
