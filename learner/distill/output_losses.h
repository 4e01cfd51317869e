#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/config/loss_settings.h"

namespace stillhouse::learner {

/// Outputs of student and teacher for the same B rows; T is float or double. All borrowed; the
/// teacher's side is a constant.
template <typename T>
struct OutputRows {
  std::size_t num_actions = 0;
  std::span<const T> student;              ///< [B, A]
  std::span<const T> teacher;              ///< [B, A]
  std::span<const T> weights{};            ///< [B]; empty: all 1
  std::span<const std::uint8_t> legal{};   ///< [B, A], 0 or 1; empty: every action
  std::span<const std::int32_t> labels{};  ///< [B] the truth; empty: the teacher's greedy actions
};

template <typename T>
struct OutputLoss {
  T loss = 0;                 ///< mean over the rows of weight * per_sample
  std::vector<T> per_sample;  ///< [B] without weights, with tau^2 if the settings ask for it
  std::vector<T> gradient;    ///< [B, A] of `loss` by the student's outputs
};

/// What a loss measures and what leaves it unchanged; the tests check each claim.
enum class OutputLossClass : std::uint8_t {
  kDivergence,    ///< >= 0, and 0 exactly when the two distributions are equal
  kCrossEntropy,  ///< >= 0, not 0 at equality
  kRegression,    ///< >= 0, and 0 exactly when the outputs are equal
};

struct OutputLossEntry {
  std::string_view name;  ///< as in the configuration
  LossKind kind;
  OutputLossClass measures;
  bool offset_invariant;      ///< adding a constant to a row of either side changes nothing
  bool tempered;              ///< reads the temperature
  std::size_t least_actions;  ///< with fewer it is another loss under this name
};

/// All losses between outputs.
std::span<const OutputLossEntry> OutputLossTable();
const OutputLossEntry& EntryOf(LossKind kind);

/// A loss at one moment of training: DistillLossSettings with its schedules at their value.
struct OutputLossTerms {
  LossKind kind = LossKind::kKl;
  Temper temper = Temper::kTeacher;
  double temperature = 0.01;
  bool tau_squared = false;
  double soft_weight = 1;
  double hard_weight = 0;
  double target_weight = 1;
  double non_target_weight = 8;
};

/// After `update` updates of the model.
OutputLossTerms TermsAt(const DistillLossSettings& settings, std::uint64_t update);

/// soft_weight * kind + hard_weight * CE with the label, without temperature; neither weight says
/// anything about the other, and a part of weight 0 is not computed.
///
/// With p = softmax(teacher / tau), q = softmax(student / tau_s), tau_s = 1 (temper: teacher;
/// Rusu et al. 2016) or tau (temper: both; Hinton et al. 2015), over the legal actions only:
///   kl          sum p (log p - log q)
///   kl_reverse  sum q (log q - log p)
///   js          KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2 (Lin 1991)
///   cross_entropy  -sum p log q: kl and the entropy of p, with the gradient of kl
///   dkd         target_weight * KL of (label, not label) + non_target_weight * KL among the
///               others (Zhao et al. 2022)
///   mse         sum over actions of (student - teacher)^2, without temperature
///   mse_centered  the same after each side's mean over actions is taken off: of advantages
///   huber       sum over actions of the Huber loss with delta 1, without temperature
///   nll         -log softmax(student)[label], without temperature
/// The tempered ones are multiplied by tau^2 with `tau_squared`. Everything is in log space and
/// finite for outputs up to +-1e4. Illegal actions get a gradient of exactly 0. Throws ShapeError
/// for sizes that do not fit, a row without a legal action or a label that is not one.
template <typename T>
OutputLoss<T> ComputeOutputLoss(const OutputLossTerms& terms, const OutputRows<T>& rows);

}  // namespace stillhouse::learner
