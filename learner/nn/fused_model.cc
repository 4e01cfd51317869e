#include <utility>

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

 private:
  FusedNetwork network_;
  std::vector<float> parameters_;  ///< fused order, as all below
  std::vector<float> gradient_;
  std::vector<float> target_;   ///< empty before the first UpdateTarget
  std::vector<float> average_;  ///< empty before the first MoveAverage
  FlatOptimizer optimizer_;
};

}  // namespace

std::unique_ptr<TrainedModel> MakeFusedModel(const NetworkSpec& spec,
                                             const OptimizerSettings& optimizer,
                                             std::span<const float> initial) {
  return std::make_unique<FusedModel>(spec, optimizer, initial);
}

std::unique_ptr<TrainedModel> MakeTrainedModel(const NetworkSpec& spec,
                                               const OptimizerSettings& optimizer,
                                               std::span<const float> initial,
                                               const std::string& device) {
  return device == "cpu" ? MakeFusedModel(spec, optimizer, initial)
                         : MakeTorchModel(spec, optimizer, initial, device);
}

}  // namespace stillhouse::learner
