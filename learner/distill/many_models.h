#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace stillhouse::learner {

// Learning from several models at once. T is float or double.

/// One set of outputs that stands for K teachers: z [B, A] with softmax(z / tau) equal to the
/// weighted mean of the teachers' probabilities softmax(teacher_k / tau). Every loss between
/// outputs takes it as its teacher; the mean is of probabilities, not of logits, so a teacher that
/// is sure is not drowned by one with greater logits.
///
/// teachers [K, B, A]; weights [K] are divided by their sum, empty: equal; legal [B, A] or empty.
/// Illegal entries are copied from the first teacher. Throws ShapeError when sizes do not fit or
/// the weights have no positive sum.
template <typename T>
std::vector<T> MixTeachers(std::size_t num_actions, std::span<const T> teachers,
                           std::size_t num_teachers, std::span<const T> weights, T tau,
                           std::span<const std::uint8_t> legal = {});

template <typename T>
struct MutualLoss {
  std::vector<T> loss;      ///< [K]
  std::vector<T> kl_part;   ///< [K] without tau^2 and coupling
  std::vector<T> gradient;  ///< [K, B, A] of loss[k] by the outputs of student k
};

/// Deep mutual learning (Zhang et al. 2018): for each of K students
///   CE(student_k, label) + coupling * scale * mean over j != k of KL(p_j || p_k)
/// with p at temperature tau, p_j constant, scale tau^2 (tau_squared) or 1. With coupling 0, or a
/// single student, each is a training of its own, bit for bit. students [K, B, A], labels [B].
/// Throws ShapeError.
template <typename T>
MutualLoss<T> ComputeMutualLoss(std::size_t num_actions, std::span<const T> students,
                                std::size_t num_students, std::span<const std::int32_t> labels,
                                double tau, bool tau_squared, double coupling = 1);

/// Weight of the teacher's part in kick-starting: max(1 - student_return / teacher_return, 0), the
/// share of the teacher's return that the student still lacks (both measured from random play);
/// 0 where the teacher has none (teacher_return <= 0), at most 1.
double KickstartWeight(double student_return, double teacher_return);

}  // namespace stillhouse::learner
