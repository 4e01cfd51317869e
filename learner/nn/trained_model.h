#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/config/run_config.h"
#include "common/model/model_state.h"
#include "common/model/network_spec.h"
#include "learner/nn/packed_rows.h"

namespace stillhouse::learner {

/// A network that learns, with its optimiser and a frozen copy of its parameters (the target
/// network of DQN): the seam between algorithms, which compute losses and their gradients with
/// respect to the outputs, and devices. One thread at a time.
class TrainedModel {
 public:
  virtual ~TrainedModel() = default;
  virtual const NetworkSpec& Spec() const = 0;
  /// Q-values [rows, A] of the parts in turn; valid until the next call of a Forward.
  virtual std::span<const float> Forward(std::span<const PackedRows> parts) = 0;
  /// The same by the target network. Forgets what Forward kept for Step.
  virtual std::span<const float> ForwardTarget(std::span<const PackedRows> parts) = 0;
  /// One step of the optimiser along the gradient of sum(q_gradient * q) over the first
  /// q_gradient.size() / A rows of the last Forward. Returns the gradient's norm before clipping.
  /// Throws NumericError, with the parameters untouched, when it is not finite.
  virtual double Step(std::span<const float> q_gradient) = 0;
  /// The gradient that Step would follow, before clipping, in canonical order. Nothing changes, and
  /// Step may follow.
  virtual std::vector<float> Gradient(std::span<const float> q_gradient) = 0;
  /// The rest of Step: one step of the optimiser along `gradient` (canonical order, not clipped).
  virtual double StepAlong(std::span<const float> gradient) = 0;
  /// target network := parameters
  virtual void UpdateTarget() = 0;
  /// Canonical flat order.
  virtual std::vector<float> Parameters() const = 0;
  virtual void SetParameters(std::span<const float> canonical) = 0;

  /// The Polyak average moves by `rate` towards the parameters (it starts at 0).
  virtual void MoveAverage(double rate) = 0;
  /// Canonical flat order; not corrected for its start at 0.
  virtual std::vector<float> Average() const = 0;

  /// All of it, so that learning goes on exactly where it stood, on this or another backend.
  virtual ModelState Save() const = 0;
  /// Throws ShapeError when the state is of another network or another kind of optimiser.
  virtual void Load(const ModelState& state) = 0;
};

/// The gradient of a loss by what a layer handed on.
struct TapGradient {
  std::size_t layer = 0;
  std::span<const float> values{};  ///< of the first rows of the last Forward [rows, size]
};

/// A TrainedModel whose hidden layers can be read, and learnt through.
class TappedModel : public TrainedModel {
 public:
  using TrainedModel::Step;
  /// What layer `layer` made in the last Forward [rows, size]; of the layers that the model was
  /// made to keep. Valid until the next Forward.
  virtual std::span<const float> Tapped(std::size_t layer) const = 0;
  /// Step along the gradient of the outputs' loss and those of losses of kept layers together.
  virtual double Step(std::span<const float> q_gradient, std::span<const TapGradient> taps) = 0;
  using TrainedModel::Gradient;
  virtual std::vector<float> Gradient(std::span<const float> q_gradient,
                                      std::span<const TapGradient> taps) = 0;
  /// The first parameters, in canonical order, become these. From now on Step leaves so many of
  /// them as they are.
  virtual void HoldFirst(std::span<const float> parameters) = 0;
};

/// Throws ShapeError unless `state` is of this network and this kind of optimiser.
void ExpectStateFits(const ModelState& state, const NetworkSpec& network,
                     const OptimizerSettings& optimizer);

/// On the CPU, by FusedNetwork. `initial`: canonical flat parameters.
std::unique_ptr<TrainedModel> MakeFusedModel(const NetworkSpec& spec,
                                             const OptimizerSettings& optimizer,
                                             std::span<const float> initial);
/// By LibTorch and autograd. `device`: "cpu" or "cuda:N".
std::unique_ptr<TrainedModel> MakeTorchModel(const NetworkSpec& spec,
                                             const OptimizerSettings& optimizer,
                                             std::span<const float> initial,
                                             const std::string& device);

/// The same, keeping what `layers` hand on.
std::unique_ptr<TappedModel> MakeTappedModel(const NetworkSpec& spec,
                                             const OptimizerSettings& optimizer,
                                             std::span<const float> initial,
                                             const std::string& device,
                                             std::vector<std::size_t> layers);

/// "cpu" or "cuda:N" for the configured "auto", "cpu", "cuda" or "cuda:N". Throws ConfigError when
/// there is no such device.
std::string ResolveDevice(const std::string& configured);

/// The fused network on the CPU, LibTorch elsewhere and for networks with layers that only autograd
/// has (NetworkSpec::NeedsAutograd). `device`: as ResolveDevice gave it.
std::unique_ptr<TrainedModel> MakeTrainedModel(const NetworkSpec& spec,
                                               const OptimizerSettings& optimizer,
                                               std::span<const float> initial,
                                               const std::string& device);

}  // namespace stillhouse::learner
