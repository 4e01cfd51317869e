#include <utility>

#include "common/base/error.h"
#include "learner/nn/flat_optimizer.h"
#include "learner/nn/fused_network.h"
#include "learner/nn/trained_model.h"

namespace stillhouse::learner {
namespace {

class FusedModel final : public TrainedModel {
 public:
  FusedModel(const NetworkSpec& spec, const OptimizerSettings& optimizer,
             std::span<const float> initial)
      : network_(spec),
        parameters_(network_.ToFused(initial)),
        gradient_(parameters_.size()),
        settings_(optimizer),
        optimizer_(optimizer, parameters_.size()) {}

  const NetworkSpec& Spec() const override { return network_.Spec(); }
  std::span<const float> Forward(std::span<const PackedRows> parts) override {
    return network_.Forward(parameters_, parts);
  }
  std::span<const float> ForwardTarget(std::span<const PackedRows> parts) override {
    return network_.Forward(target_.empty() ? parameters_ : target_, parts);
  }
  double Step(std::span<const float> q_gradient) override {
    network_.Backward(parameters_, q_gradient, gradient_);
    return optimizer_.Step(parameters_, gradient_);
  }
  std::vector<float> Gradient(std::span<const float> q_gradient) override {
    network_.Backward(parameters_, q_gradient, gradient_);
    return network_.ToCanonical(gradient_);
  }
  double StepAlong(std::span<const float> gradient) override {
    gradient_ = network_.ToFused(gradient);
    return optimizer_.Step(parameters_, gradient_);
  }
  void UpdateTarget() override { target_ = parameters_; }
  std::vector<float> Parameters() const override { return network_.ToCanonical(parameters_); }
  void SetParameters(std::span<const float> canonical) override {
    parameters_ = network_.ToFused(canonical);
  }
  void MoveAverage(double rate) override {
    average_.resize(parameters_.size());
    const auto step = static_cast<float>(rate);
    for (std::size_t i = 0; i < average_.size(); ++i) {
      average_[i] += step * (parameters_[i] - average_[i]);
    }
  }
  std::vector<float> Average() const override { return network_.ToCanonical(average_); }

  ModelState Save() const override {
    const auto memory = optimizer_.Save();
    return {network_.Spec(),
            static_cast<std::uint8_t>(settings_.kind),
            memory.steps,
            Canonical(parameters_),
            Canonical(target_),
            Canonical(average_),
            Canonical(memory.first),
            Canonical(memory.second),
            Canonical(memory.centre)};
  }
  void Load(const ModelState& state) override {
    ExpectStateFits(state, network_.Spec(), settings_);
    optimizer_.Load(
        {state.optimizer_steps, Fused(state.first), Fused(state.second), Fused(state.centre)});
    parameters_ = Fused(state.parameters);
    target_ = Fused(state.target);
    average_ = Fused(state.average);
  }

 private:
  std::vector<float> Canonical(const std::vector<float>& block) const {
    return block.empty() ? block : network_.ToCanonical(block);
  }
  std::vector<float> Fused(const std::vector<float>& block) const {
    return block.empty() ? block : network_.ToFused(block);
  }

  FusedNetwork network_;
  std::vector<float> parameters_;  ///< fused order, as all below
  std::vector<float> gradient_;
  std::vector<float> target_;   ///< empty before the first UpdateTarget
  std::vector<float> average_;  ///< empty before the first MoveAverage
  OptimizerSettings settings_;
  FlatOptimizer optimizer_;
};

}  // namespace

void ExpectStateFits(const ModelState& state, const NetworkSpec& network,
                     const OptimizerSettings& optimizer) {
  if (!(state.network == network)) {
    throw ShapeError(fmt::format("the state is of network {} on {}, this one is {} on {}",
                                 state.network.ToString(), state.network.Observation().ToString(),
                                 network.ToString(), network.Observation().ToString()));
  }
  if (state.optimizer != static_cast<std::uint8_t>(optimizer.kind)) {
    throw ShapeError(fmt::format("the state is of optimiser kind {}, this one is {}",
                                 state.optimizer, static_cast<int>(optimizer.kind)));
  }
}

std::unique_ptr<TrainedModel> MakeFusedModel(const NetworkSpec& spec,
                                             const OptimizerSettings& optimizer,
                                             std::span<const float> initial) {
  return std::make_unique<FusedModel>(spec, optimizer, initial);
}

std::unique_ptr<TrainedModel> MakeTrainedModel(const NetworkSpec& spec,
                                               const OptimizerSettings& optimizer,
                                               std::span<const float> initial,
                                               const std::string& device) {
  return device == "cpu" && !spec.NeedsAutograd()
             ? MakeFusedModel(spec, optimizer, initial)
             : MakeTorchModel(spec, optimizer, initial, device);
}

}  // namespace stillhouse::learner
