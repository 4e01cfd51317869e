#include "learner/distill/feature_learner.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/error.h"
#include "learner/distill/beside_state.h"

namespace stillhouse::learner {
namespace {

using Kind = FeatureSettings::Kind;

/// Angles count twice as much as distances (Park et al. 2019, section 4).
constexpr float kAngleWeight = 2;

void FillUniform(std::span<float> values, std::size_t inputs, Rng& rng) {
  const double bound = 1 / std::sqrt(static_cast<double>(inputs));
  for (float& value : values) value = static_cast<float>(bound * (2 * rng.Uniform() - 1));
}

FeatureShape TargetOf(const FeatureSettings& settings, const FeatureLink& link,
                      std::size_t factors) {
  return settings.kind == Kind::kAutoencoder ? FeatureShape{factors, link.teacher.positions}
                                             : link.teacher;
}

std::size_t OwnParametersOf(const FeatureSettings& settings, const FeatureLink& link,
                            std::size_t factors) {
  const FeatureShape target = TargetOf(settings, link, factors);
  switch (settings.kind) {
    case Kind::kHint:
      return FeatureParameters(FeatureLossKind::kHint, link.student, target);
    case Kind::kAutoencoder:
      return FeatureParameters(FeatureLossKind::kAutoencoder, link.student, target);
    case Kind::kNone:
    case Kind::kAttention:
    case Kind::kRelational:
      return 0;
  }
  SH_CHECK(false, "feature kind {}", static_cast<int>(settings.kind));
}

std::vector<float> InitialOf(const FeatureSettings& settings, const FeatureLink& link,
                             std::size_t factors, Rng& rng) {
  const std::size_t own = OwnParametersOf(settings, link, factors);
  std::vector<float> parameters(own);
  FillUniform(parameters, link.student.channels, rng);
  if (settings.kind != Kind::kAutoencoder) return parameters;
  const std::size_t half = factors * link.teacher.channels;
  parameters.resize(own + 2 * half);
  FillUniform(std::span(parameters).subspan(own, half), link.teacher.channels, rng);
  FillUniform(std::span(parameters).last(half), factors, rng);
  return parameters;
}

void AddScaled(FeatureLoss<float>& sum, const FeatureLoss<float>& part, float scale) {
  sum.loss += scale * part.loss;
  for (std::size_t i = 0; i < sum.gradient.size(); ++i) sum.gradient[i] += scale * part.gradient[i];
}

}  // namespace

FeatureLearner::FeatureLearner(const FeatureSettings& settings, const OptimizerSettings& optimizer,
                               const FeatureLink& link, std::size_t factors, Rng& rng)
    : settings_(settings),
      link_(link),
      factors_(settings.kind == Kind::kAutoencoder ? factors : 0),
      parameters_(InitialOf(settings, link, factors_, rng)),
      gradient_(parameters_.size()),
      optimizer_(optimizer, parameters_.size()) {
  SH_CHECK(settings.kind != Kind::kNone);
}

std::size_t FeatureLearner::OwnParameters() const {
  return OwnParametersOf(settings_, link_, factors_);
}

FeatureLoss<float> FeatureLearner::Compute(const FeatureRows<float>& rows) const {
  switch (settings_.kind) {
    case Kind::kHint:
      return ComputeFeatureLoss(FeatureLossKind::kHint, rows);
    case Kind::kAttention:
      return ComputeFeatureLoss(FeatureLossKind::kAttention, rows);
    case Kind::kAutoencoder:
      return ComputeFeatureLoss(FeatureLossKind::kAutoencoder, rows);
    case Kind::kRelational: {
      auto loss = ComputeFeatureLoss(FeatureLossKind::kRelationalDistance, rows);
      AddScaled(loss, ComputeFeatureLoss(FeatureLossKind::kRelationalAngle, rows), kAngleWeight);
      return loss;
    }
    case Kind::kNone:
      break;
  }
  SH_CHECK(false, "feature kind {}", static_cast<int>(settings_.kind));
}

FeatureLearner::Result FeatureLearner::Learn(std::span<const float> student,
                                             std::span<const float> teacher,
                                             std::span<const float> weights, double weight) {
  FeatureRows<float> rows{link_.student,
                          TargetOf(settings_, link_, factors_),
                          student,
                          teacher,
                          std::span<const float>(parameters_).first(OwnParameters()),
                          weights};
  std::vector<float> factors;
  FeatureLoss<float> reconstruction;
  if (settings_.kind == Kind::kAutoencoder) {
    const auto autoencoder = std::span<const float>(parameters_).subspan(OwnParameters());
    factors = EncodeFactors(Factors(), teacher, autoencoder);
    reconstruction = ReconstructionLoss(Factors(), teacher, autoencoder);
    rows.teacher = factors;
  }
  FeatureLoss<float> loss = Compute(rows);
  if (!std::isfinite(loss.loss)) {
    throw NumericError(fmt::format("the loss between features is {}", loss.loss));
  }
  const auto scale = static_cast<float>(weight);
  for (float& value : loss.gradient) value *= scale;
  if (!parameters_.empty()) {
    std::transform(loss.parameter_gradient.begin(), loss.parameter_gradient.end(),
                   gradient_.begin(), [scale](float value) { return scale * value; });
    std::copy(reconstruction.parameter_gradient.begin(), reconstruction.parameter_gradient.end(),
              gradient_.begin() + static_cast<std::ptrdiff_t>(OwnParameters()));
    optimizer_.Step(parameters_, gradient_);
  }
  return {weight * static_cast<double>(loss.loss), std::move(loss.gradient)};
}

BesideState FeatureLearner::Save() const { return SaveBeside(parameters_, optimizer_); }

void FeatureLearner::Load(const BesideState& state) {
  LoadBeside(state, "a loss between features", parameters_, optimizer_);
}

}  // namespace stillhouse::learner
