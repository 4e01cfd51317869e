#include "learner/distill/output_losses.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/base/error.h"
#include "learner/td/greedy.h"

namespace stillhouse::learner {
namespace {

constexpr std::array kTable = {
    OutputLossEntry{"kl", LossKind::kKl, OutputLossClass::kDivergence, true,
                    "KL(teacher || student) of the tempered softmax"},
    OutputLossEntry{"kl_reverse", LossKind::kKlReverse, OutputLossClass::kDivergence, true,
                    "KL(student || teacher) of the tempered softmax"},
    OutputLossEntry{"mse", LossKind::kMse, OutputLossClass::kRegression, false,
                    "squared difference of the outputs, summed over actions"},
    OutputLossEntry{"js", LossKind::kJs, OutputLossClass::kDivergence, true,
                    "Jensen-Shannon divergence of the tempered softmax"},
    OutputLossEntry{"mse_centered", LossKind::kMseCentered, OutputLossClass::kRegression, true,
                    "squared difference of the outputs less their means over actions"},
    OutputLossEntry{"nll", LossKind::kNll, OutputLossClass::kCrossEntropy, true,
                    "cross-entropy with the teacher's greedy action"},
};

/// One row at work. Only legal entries of log_p, log_q mean anything.
template <typename T>
struct Row {
  std::span<const T> student, teacher;
  std::span<const std::uint8_t> legal;
  std::span<T> log_p, log_q;  ///< scratch
  std::span<T> gradient;      ///< of the row's loss; zero on entry
  bool Legal(std::size_t a) const { return legal.empty() || legal[a] != 0; }
};

/// log softmax(values / tau) over the legal entries, with their maximum subtracted.
template <typename T>
void LogSoftmax(const Row<T>& row, std::span<const T> values, T tau, std::span<T> out) {
  const T top = values[GreedyAction(values, row.legal)];
  T sum = 0;
  for (std::size_t a = 0; a < values.size(); ++a) {
    if (!row.Legal(a)) continue;
    out[a] = (values[a] - top) / tau;
    sum += std::exp(out[a]);
  }
  const T log_sum = std::log(sum);
  for (std::size_t a = 0; a < values.size(); ++a) {
    if (row.Legal(a)) out[a] -= log_sum;
  }
}

template <typename T>
T Kl(const DistillLossSettings& settings, const Row<T>& row) {
  const auto tau = static_cast<T>(settings.temperature);
  const T student_tau = settings.temper == Temper::kBoth ? tau : T{1};
  LogSoftmax(row, row.teacher, tau, row.log_p);
  LogSoftmax(row, row.student, student_tau, row.log_q);
  T loss = 0;
  if (settings.kind == LossKind::kKl) {
    for (std::size_t a = 0; a < row.student.size(); ++a) {
      if (!row.Legal(a)) continue;
      const T p = std::exp(row.log_p[a]);
      loss += p * (row.log_p[a] - row.log_q[a]);
      row.gradient[a] = (std::exp(row.log_q[a]) - p) / student_tau;
    }
  } else {
    for (std::size_t a = 0; a < row.student.size(); ++a) {
      if (row.Legal(a)) loss += std::exp(row.log_q[a]) * (row.log_q[a] - row.log_p[a]);
    }
    for (std::size_t a = 0; a < row.student.size(); ++a) {
      if (!row.Legal(a)) continue;
      row.gradient[a] = std::exp(row.log_q[a]) * (row.log_q[a] - row.log_p[a] - loss) / student_tau;
    }
  }
  if (!settings.tau_squared) return loss;
  for (T& g : row.gradient) g *= tau * tau;
  return loss * tau * tau;
}

template <typename T>
T SquaredError(const Row<T>& row) {
  T loss = 0;
  for (std::size_t a = 0; a < row.student.size(); ++a) {
    if (!row.Legal(a)) continue;
    const T error = row.student[a] - row.teacher[a];
    loss += error * error;
    row.gradient[a] = 2 * error;
  }
  return loss;
}

/// log((e^a + e^b) / 2)
template <typename T>
T LogMean(T a, T b) {
  const T top = std::max(a, b);
  return top + std::log1p(std::exp(std::min(a, b) - top)) - std::log(T{2});
}

template <typename T>
T JensenShannon(const DistillLossSettings& settings, const Row<T>& row) {
  const auto tau = static_cast<T>(settings.temperature);
  const T student_tau = settings.temper == Temper::kBoth ? tau : T{1};
  LogSoftmax(row, row.teacher, tau, row.log_p);
  LogSoftmax(row, row.student, student_tau, row.log_q);
  T of_p = 0;
  T of_q = 0;
  for (std::size_t a = 0; a < row.student.size(); ++a) {
    if (!row.Legal(a)) continue;
    const T log_m = LogMean(row.log_p[a], row.log_q[a]);
    of_p += std::exp(row.log_p[a]) * (row.log_p[a] - log_m);
    of_q += std::exp(row.log_q[a]) * (row.log_q[a] - log_m);
  }
  const T scale = settings.tau_squared ? tau * tau : T{1};
  for (std::size_t a = 0; a < row.student.size(); ++a) {
    if (!row.Legal(a)) continue;
    const T log_m = LogMean(row.log_p[a], row.log_q[a]);
    row.gradient[a] =
        scale * std::exp(row.log_q[a]) * (row.log_q[a] - log_m - of_q) / (2 * student_tau);
  }
  return scale * (of_p + of_q) / 2;
}

template <typename T>
T CenteredSquaredError(const Row<T>& row) {
  T mean = 0;
  T count = 0;
  for (std::size_t a = 0; a < row.student.size(); ++a) {
    if (!row.Legal(a)) continue;
    mean += row.student[a] - row.teacher[a];
    count += 1;
  }
  mean /= count;
  T loss = 0;
  for (std::size_t a = 0; a < row.student.size(); ++a) {
    if (!row.Legal(a)) continue;
    const T error = row.student[a] - row.teacher[a] - mean;
    loss += error * error;
    row.gradient[a] = 2 * error;
  }
  return loss;
}

template <typename T>
T NegativeLogLikelihood(const Row<T>& row) {
  LogSoftmax(row, row.student, T{1}, row.log_q);
  const std::size_t label = GreedyAction(row.teacher, row.legal);
  for (std::size_t a = 0; a < row.student.size(); ++a) {
    if (row.Legal(a)) row.gradient[a] = std::exp(row.log_q[a]) - (a == label ? T{1} : T{0});
  }
  return -row.log_q[label];
}

template <typename T>
T RowLoss(const DistillLossSettings& settings, const Row<T>& row) {
  switch (settings.kind) {
    case LossKind::kKl:
    case LossKind::kKlReverse:
      return Kl(settings, row);
    case LossKind::kMse:
      return SquaredError(row);
    case LossKind::kJs:
      return JensenShannon(settings, row);
    case LossKind::kMseCentered:
      return CenteredSquaredError(row);
    case LossKind::kNll:
      return NegativeLogLikelihood(row);
  }
  SH_CHECK(false, "loss kind {}", static_cast<int>(settings.kind));
}

template <typename T>
void CheckShapes(const OutputRows<T>& rows) {
  const std::size_t actions = rows.num_actions;
  if (actions == 0 || rows.student.size() % actions != 0 ||
      rows.teacher.size() != rows.student.size() ||
      (!rows.weights.empty() && rows.weights.size() * actions != rows.student.size()) ||
      (!rows.legal.empty() && rows.legal.size() != rows.student.size())) {
    throw ShapeError(fmt::format(
        "output loss: student {}, teacher {}, weights {}, legal {} for {} actions",
        rows.student.size(), rows.teacher.size(), rows.weights.size(), rows.legal.size(), actions));
  }
  for (std::size_t at = 0; at < rows.legal.size(); at += actions) {
    const auto legal = rows.legal.subspan(at, actions);
    if (std::none_of(legal.begin(), legal.end(), [](std::uint8_t flag) { return flag != 0; })) {
      throw ShapeError(fmt::format("output loss: row {} has no legal action", at / actions));
    }
  }
}

}  // namespace

std::span<const OutputLossEntry> OutputLossTable() { return kTable; }

template <typename T>
OutputLoss<T> ComputeOutputLoss(const DistillLossSettings& settings, const OutputRows<T>& rows) {
  CheckShapes(rows);
  const std::size_t actions = rows.num_actions;
  const std::size_t count = rows.student.size() / actions;
  OutputLoss<T> result;
  result.per_sample.resize(count);
  result.gradient.resize(rows.student.size());
  std::vector<T> scratch(2 * actions);
  for (std::size_t b = 0; b < count; ++b) {
    const std::size_t at = b * actions;
    const auto gradient = std::span<T>(result.gradient).subspan(at, actions);
    const Row<T> row{rows.student.subspan(at, actions),
                     rows.teacher.subspan(at, actions),
                     rows.legal.empty() ? rows.legal : rows.legal.subspan(at, actions),
                     std::span<T>(scratch).first(actions),
                     std::span<T>(scratch).last(actions),
                     gradient};
    result.per_sample[b] = RowLoss(settings, row);
    const T weight = rows.weights.empty() ? T{1} : rows.weights[b];
    result.loss += weight * result.per_sample[b];
    for (T& g : gradient) g *= weight / static_cast<T>(count);
  }
  result.loss /= static_cast<T>(std::max<std::size_t>(count, 1));
  return result;
}

template OutputLoss<float> ComputeOutputLoss(const DistillLossSettings&, const OutputRows<float>&);
template OutputLoss<double> ComputeOutputLoss(const DistillLossSettings&,
                                              const OutputRows<double>&);

}  // namespace stillhouse::learner
