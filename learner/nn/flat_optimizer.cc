#include "learner/nn/flat_optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/base/error.h"

// Wide vectors where the machine has them: these loops are bound by memory and by the square root.
#define SH_WIDE __attribute__((target_clones("avx512f", "default")))

namespace stillhouse::learner {
namespace {

constexpr std::size_t kLanes = 32;
constexpr std::size_t kBlock = 4096;

SH_WIDE void AddSquares(const float* values, std::size_t count, float* lanes) {
  std::array<float, kLanes> sum{};
  for (std::size_t i = 0; i < count; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      sum[lane] += values[i + lane] * values[i + lane];
    }
  }
  std::copy(sum.begin(), sum.end(), lanes);
}

struct AdamFactors {
  float clip;
  float beta1, rest1;  ///< rest = 1 - beta, rounded once
  float beta2, rest2;
  float step, inverse_root_correction, epsilon;
};

SH_WIDE void AdamPass(std::size_t count, const AdamFactors f, const float* __restrict gradient,
                      float* __restrict first, float* __restrict second,
                      float* __restrict parameters) {
  for (std::size_t i = 0; i < count; ++i) {
    const float g = gradient[i] * f.clip;
    const float m = f.beta1 * first[i] + f.rest1 * g;
    const float v = f.beta2 * second[i] + f.rest2 * g * g;
    first[i] = m;
    second[i] = v;
    parameters[i] -= f.step * m / (std::sqrt(v) * f.inverse_root_correction + f.epsilon);
  }
}

}  // namespace

double GradientNorm(std::span<const float> gradient) {
  double sum = 0;
  const std::size_t whole = gradient.size() / kLanes * kLanes;
  for (std::size_t at = 0; at < whole; at += kBlock) {
    std::array<float, kLanes> lanes;
    AddSquares(gradient.data() + at, std::min(kBlock, whole - at), lanes.data());
    for (const float lane : lanes) sum += static_cast<double>(lane);
  }
  for (std::size_t i = whole; i < gradient.size(); ++i) {
    sum += static_cast<double>(gradient[i]) * static_cast<double>(gradient[i]);
  }
  if (std::isfinite(sum)) return std::sqrt(sum);
  sum = 0;  // squares of finite values may leave the range of a float
  for (const float value : gradient) sum += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(sum);
}

double ClipFactor(double norm, double max_norm) {
  return max_norm > 0 ? std::min(1.0, max_norm / (norm + 1e-6)) : 1.0;
}

FlatOptimizer::FlatOptimizer(const OptimizerSettings& settings, std::size_t size)
    : settings_(settings), second_(size) {
  const bool adam = settings.kind == OptimizerSettings::Kind::kAdam;
  if (adam || settings.momentum > 0) first_.resize(size);
  if (!adam && settings.centered) centre_.resize(size);
}

void FlatOptimizer::Load(Memory memory) {
  if (memory.first.size() != first_.size() || memory.second.size() != second_.size() ||
      memory.centre.size() != centre_.size()) {
    throw ShapeError(
        fmt::format("optimiser: a memory of {}, {}, {} values; this one's is of {}, {}, {}",
                    memory.first.size(), memory.second.size(), memory.centre.size(), first_.size(),
                    second_.size(), centre_.size()));
  }
  steps_ = static_cast<std::int64_t>(memory.steps);
  first_ = std::move(memory.first);
  second_ = std::move(memory.second);
  centre_ = std::move(memory.centre);
}

double FlatOptimizer::Step(std::span<float> parameters, std::span<const float> gradient) {
  SH_CHECK(parameters.size() == second_.size() && gradient.size() == second_.size(),
           "{} parameters, {} gradients, {} expected", parameters.size(), gradient.size(),
           second_.size());
  const double norm = GradientNorm(gradient);
  if (!std::isfinite(norm)) {
    throw NumericError(
        fmt::format("optimiser: the gradient's norm is {} in step {}", norm, steps_ + 1));
  }
  ++steps_;
  const auto clip = static_cast<float>(ClipFactor(norm, settings_.max_grad_norm));
  if (settings_.kind == OptimizerSettings::Kind::kAdam) {
    const auto steps = static_cast<double>(steps_);
    const double correction1 = 1 - std::pow(settings_.beta1, steps);
    const double correction2 = 1 - std::pow(settings_.beta2, steps);
    const AdamFactors factors{clip,
                              static_cast<float>(settings_.beta1),
                              static_cast<float>(1 - settings_.beta1),
                              static_cast<float>(settings_.beta2),
                              static_cast<float>(1 - settings_.beta2),
                              static_cast<float>(settings_.learning_rate / correction1),
                              static_cast<float>(1 / std::sqrt(correction2)),
                              static_cast<float>(settings_.epsilon)};
    AdamPass(parameters.size(), factors, gradient.data(), first_.data(), second_.data(),
             parameters.data());
    return norm;
  }
  const auto alpha = static_cast<float>(settings_.alpha);
  const auto rest = static_cast<float>(1 - settings_.alpha);
  const auto rate = static_cast<float>(settings_.learning_rate);
  const auto epsilon = static_cast<float>(settings_.epsilon);
  const auto momentum = static_cast<float>(settings_.momentum);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const float g = gradient[i] * clip;
    const float v = second_[i] = alpha * second_[i] + rest * g * g;
    float variance = v;
    if (!centre_.empty()) {
      const float mean = centre_[i] = alpha * centre_[i] + rest * g;
      variance = std::max(0.0F, v - mean * mean);  // rounding may leave a negative speck
    }
    float step = g / (std::sqrt(variance) + epsilon);
    if (momentum > 0) step = first_[i] = momentum * first_[i] + step;
    parameters[i] -= rate * step;
  }
  return norm;
}

}  // namespace stillhouse::learner
