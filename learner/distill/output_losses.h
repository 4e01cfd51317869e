#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/config/run_config.h"

namespace stillhouse::learner {

/// Outputs of student and teacher for the same B rows; T is float or double. All borrowed; the
/// teacher's side is a constant.
template <typename T>
struct OutputRows {
  std::size_t num_actions = 0;
  std::span<const T> student;             ///< [B, A]
  std::span<const T> teacher;             ///< [B, A]
  std::span<const T> weights{};           ///< [B]; empty: all 1
  std::span<const std::uint8_t> legal{};  ///< [B, A], 0 or 1; empty: every action
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
  bool offset_invariant;  ///< adding a constant to a row of either side changes nothing
  std::string_view what;  ///< one line for `stillhouse list losses`
};

/// All losses between outputs.
std::span<const OutputLossEntry> OutputLossTable();

/// With p = softmax(teacher / tau), q = softmax(student / tau_s), tau_s = 1 (temper: teacher;
/// Rusu et al. 2016) or tau (temper: both; Hinton et al. 2015), over the legal actions only:
///   kl          sum p (log p - log q)
///   kl_reverse  sum q (log q - log p)
///   js          KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2 (Lin 1991)
///   mse         sum over actions of (student - teacher)^2, without temperature
///   mse_centered  the same after each side's mean over actions is taken off: of advantages
///   nll         -log softmax(student)[argmax teacher], without temperature
/// kl, kl_reverse and js are multiplied by tau^2 with `tau_squared`. Everything is in log space and
/// finite for outputs up to +-1e4. `settings.weighted` is not read: rows.weights decides. Illegal
/// actions get a gradient of exactly 0. Throws ShapeError for sizes that do not fit or a row
/// without a legal action.
template <typename T>
OutputLoss<T> ComputeOutputLoss(const DistillLossSettings& settings, const OutputRows<T>& rows);

}  // namespace stillhouse::learner
