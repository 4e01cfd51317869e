#include "learner/distill/adversary.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/error.h"
#include "learner/distill/beside_state.h"

namespace stillhouse::learner {
namespace {

double Sigmoid(double d) {
  return d >= 0 ? 1 / (1 + std::exp(-d)) : std::exp(d) / (1 + std::exp(d));
}
/// log(1 + exp(d)), finite for every d.
double SoftPlus(double d) { return std::max(d, 0.0) + std::log1p(std::exp(-std::abs(d))); }

/// Below every output that a model may give (finite up to +-1e4), at any temperature.
constexpr float kImpossible = -1e9F;

}  // namespace

std::vector<float> WithoutIllegal(std::span<const float> outputs,
                                  std::span<const std::uint8_t> legal) {
  std::vector<float> changed(outputs.begin(), outputs.end());
  for (std::size_t i = 0; i < legal.size(); ++i) {
    if (legal[i] == 0) changed[i] = kImpossible;
  }
  return changed;
}

Adversary::Adversary(std::size_t num_actions, std::size_t units, double tau,
                     const OptimizerSettings& optimizer, Rng& rng)
    : actions_(num_actions),
      units_(units),
      tau_(tau),
      parameters_(units * (num_actions + 2) + 1),
      optimizer_(optimizer, parameters_.size()) {
  const auto fill = [&](std::size_t first, std::size_t count, std::size_t inputs) {
    const double bound = 1 / std::sqrt(static_cast<double>(inputs));
    for (std::size_t i = first; i < first + count; ++i) {
      parameters_[i] = static_cast<float>(bound * (2 * rng.Uniform() - 1));
    }
  };
  fill(0, units_ * actions_, actions_);
  fill(units_ * (actions_ + 1), units_, units_);
}

double Adversary::Forward(std::span<const float> outputs, std::span<double> probabilities,
                          std::span<double> hidden) const {
  const double top = static_cast<double>(*std::max_element(outputs.begin(), outputs.end()));
  double sum = 0;
  for (std::size_t a = 0; a < actions_; ++a) {
    probabilities[a] = std::exp((static_cast<double>(outputs[a]) - top) / tau_);
    sum += probabilities[a];
  }
  for (double& p : probabilities) p /= sum;
  const float* const bias = parameters_.data() + units_ * actions_;
  const float* const out = bias + units_;
  double logit = static_cast<double>(out[units_]);
  for (std::size_t u = 0; u < units_; ++u) {
    double in = static_cast<double>(bias[u]);
    for (std::size_t a = 0; a < actions_; ++a) {
      in += static_cast<double>(parameters_[u * actions_ + a]) * probabilities[a];
    }
    hidden[u] = std::tanh(in);
    logit += static_cast<double>(out[u]) * hidden[u];
  }
  return logit;
}

void Adversary::Backward(std::span<const double> probabilities, std::span<const double> hidden,
                         double scale, std::span<double> of_parameters,
                         std::span<double> of_probabilities) const {
  const std::size_t bias = units_ * actions_;
  const std::size_t out = bias + units_;
  for (std::size_t u = 0; u < units_; ++u) {
    const double in =
        scale * static_cast<double>(parameters_[out + u]) * (1 - hidden[u] * hidden[u]);
    if (!of_parameters.empty()) {
      of_parameters[out + u] += scale * hidden[u];
      of_parameters[bias + u] += in;
    }
    for (std::size_t a = 0; a < actions_; ++a) {
      if (!of_parameters.empty()) of_parameters[u * actions_ + a] += in * probabilities[a];
      if (!of_probabilities.empty()) {
        of_probabilities[a] += in * static_cast<double>(parameters_[u * actions_ + a]);
      }
    }
  }
  if (!of_parameters.empty()) of_parameters.back() += scale;
}

Adversary::Result Adversary::Learn(std::span<const float> student, std::span<const float> labels,
                                   double weight) {
  if (student.size() != labels.size() || student.size() % actions_ != 0 || student.empty()) {
    throw ShapeError(fmt::format("adversary: student {}, labels {} for {} actions", student.size(),
                                 labels.size(), actions_));
  }
  const std::size_t rows = student.size() / actions_;
  const double share = 1 / static_cast<double>(rows);
  std::vector<double> own(parameters_.size()), probabilities(actions_), hidden(units_);
  Result result{0, std::vector<float>(student.size())};
  for (std::size_t at = 0; at < student.size(); at += actions_) {
    const double of_label = Forward(labels.subspan(at, actions_), probabilities, hidden);
    Backward(probabilities, hidden, -share * Sigmoid(-of_label) / 2, own, {});
    const double of_student = Forward(student.subspan(at, actions_), probabilities, hidden);
    Backward(probabilities, hidden, share * Sigmoid(of_student) / 2, own, {});
    result.loss += weight * share * SoftPlus(-of_student);
    std::vector<double> by_p(actions_);
    Backward(probabilities, hidden, -weight * share * Sigmoid(-of_student), {}, by_p);
    double mean = 0;  // what the softmax takes out
    for (std::size_t a = 0; a < actions_; ++a) mean += by_p[a] * probabilities[a];
    for (std::size_t a = 0; a < actions_; ++a) {
      result.gradient[at + a] = static_cast<float>(probabilities[a] * (by_p[a] - mean) / tau_);
    }
  }
  const std::vector<float> gradient(own.begin(), own.end());
  optimizer_.Step(parameters_, gradient);
  return result;
}

std::vector<float> Adversary::Logits(std::span<const float> outputs) const {
  std::vector<double> probabilities(actions_), hidden(units_);
  std::vector<float> logits;
  for (std::size_t at = 0; at + actions_ <= outputs.size(); at += actions_) {
    logits.push_back(
        static_cast<float>(Forward(outputs.subspan(at, actions_), probabilities, hidden)));
  }
  return logits;
}

BesideState Adversary::Save() const { return SaveBeside(parameters_, optimizer_); }

void Adversary::Load(const BesideState& state) {
  LoadBeside(state, "an adversary", parameters_, optimizer_);
}

}  // namespace stillhouse::learner
