#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace stillhouse::learner {

/// Activations of one layer for a batch: [B, C, P], P positions (height * width) of each channel;
/// P = 1 for a vector of C features.
struct FeatureShape {
  std::size_t channels = 0;
  std::size_t positions = 1;
  std::size_t Size() const { return channels * positions; }
  bool operator==(const FeatureShape&) const = default;
};

/// Features of student and teacher for the same B rows; all borrowed, the teacher's a constant.
template <typename T>
struct FeatureRows {
  FeatureShape student_shape, teacher_shape;
  std::span<const T> student;       ///< [B, Cs, Ps]
  std::span<const T> teacher;       ///< [B, Ct, Pt]
  std::span<const T> parameters{};  ///< what the loss learns besides; FeatureParameters() of them
  std::span<const T> weights{};     ///< [B]; empty: all 1
};

template <typename T>
struct FeatureLoss {
  T loss = 0;                         ///< mean over the rows of weight * per_sample
  std::vector<T> per_sample;          ///< [B] without weights
  std::vector<T> gradient;            ///< [B, Cs, Ps] of `loss` by the student's features
  std::vector<T> parameter_gradient;  ///< of `loss` by the parameters
};

/// Losses between intermediate features. A new one is added at the end, with its line in the table.
enum class FeatureLossKind : std::uint8_t {
  kHint,
  kAttention,
  kAutoencoder,
  kRelationalDistance,
  kRelationalAngle,
};

/// What leaves a loss unchanged when it is done to the student's features; the tests check each
/// claim, in both directions.
struct FeatureInvariances {
  bool offset = false;    ///< adding one vector to all rows
  bool scale = false;     ///< multiplying by a positive number
  bool rotation = false;  ///< of the feature space
};

struct FeatureLossEntry {
  std::string_view name;
  FeatureLossKind kind;
  FeatureInvariances invariant;
  bool same_positions;  ///< needs Ps = Pt
  bool learns;          ///< has parameters
};

std::span<const FeatureLossEntry> FeatureLossTable();

/// Number of parameters of a loss between such features.
std::size_t FeatureParameters(FeatureLossKind kind, const FeatureShape& student,
                              const FeatureShape& teacher);

/// The loss, 0 or more, and 0 when the student's features (after what is learned) equal the
/// teacher's:
///   hint       mean over entries of (W f + b - t)^2 (Romero et al. 2015, "FitNets"), one linear
///              map [Ct, Cs] and offset [Ct] for all positions: a 1x1 convolution. Parameters W, b.
///   attention  mean over positions of (a_s - a_t)^2, a = sum_c x_c^2 divided by its L2 norm
///              (Zagoruyko & Komodakis 2017)
///   autoencoder  mean over entries of |f_s / |f_s| - f_t / |f_t||, f_s = S x [K, P] the student's
///              factors, f_t the teacher's, compressed by FactorAutoencoder and given as
///              `teacher` (Kim et al. 2018, "factor transfer"). Parameters S [K, Cs].
///   relational_distance, relational_angle  relations between rows (Park et al. 2019, "RKD");
///              relational_losses.h
/// Throws ShapeError for sizes that do not fit.
template <typename T>
FeatureLoss<T> ComputeFeatureLoss(FeatureLossKind kind, const FeatureRows<T>& rows);

/// Rows of the batch. Throws ShapeError unless everything but the parameters fits.
template <typename T>
std::size_t CheckedRows(const FeatureRows<T>& rows, bool same_positions);

}  // namespace stillhouse::learner
