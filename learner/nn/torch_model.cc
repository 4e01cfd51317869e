#include <cmath>
#include <cstring>
#include <map>

#include <torch/torch.h>

#include "common/base/error.h"
#include "learner/nn/flat_optimizer.h"
#include "learner/nn/torch_network.h"
#include "learner/nn/trained_model.h"

namespace stillhouse::learner {
namespace {

/// FlatOptimizer's equations as tensor operations, for devices.
class TensorOptimizer {
 public:
  /// FlatOptimizer::Memory as tensors; those that this kind does not use stay zero.
  struct Memory {
    torch::Tensor first, second, centre;
  };
  TensorOptimizer(const OptimizerSettings& settings, const torch::Tensor& parameters)
      : memory_{torch::zeros_like(parameters), torch::zeros_like(parameters),
                torch::zeros_like(parameters)},
        settings_(settings) {}

  double Step(torch::Tensor& parameters, torch::Tensor gradient) {
    const double norm = gradient.norm().item<double>();
    if (!std::isfinite(norm)) {
      throw NumericError(
          fmt::format("optimiser: the gradient's norm is {} in step {}", norm, steps_ + 1));
    }
    ++steps_;
    gradient.mul_(ClipFactor(norm, settings_.max_grad_norm));
    if (settings_.kind == OptimizerSettings::Kind::kAdam) {
      const auto steps = static_cast<double>(steps_);
      const double correction1 = 1 - std::pow(settings_.beta1, steps);
      const double correction2 = 1 - std::pow(settings_.beta2, steps);
      memory_.first.mul_(settings_.beta1).add_(gradient, 1 - settings_.beta1);
      memory_.second.mul_(settings_.beta2).addcmul_(gradient, gradient, 1 - settings_.beta2);
      const auto scale = memory_.second.sqrt().div_(std::sqrt(correction2)).add_(settings_.epsilon);
      parameters.addcdiv_(memory_.first, scale, -settings_.learning_rate / correction1);
      return norm;
    }
    memory_.second.mul_(settings_.alpha).addcmul_(gradient, gradient, 1 - settings_.alpha);
    auto variance = memory_.second;
    if (settings_.centered) {
      memory_.centre.mul_(settings_.alpha).add_(gradient, 1 - settings_.alpha);
      variance = torch::addcmul(memory_.second, memory_.centre, memory_.centre, -1).clamp_min_(0);
    }
    auto step = gradient / variance.sqrt().add_(settings_.epsilon);
    if (settings_.momentum > 0) step = memory_.first.mul_(settings_.momentum).add_(step);
    parameters.add_(step, -settings_.learning_rate);
    return norm;
  }

  const OptimizerSettings& Settings() const { return settings_; }
  std::int64_t& Steps() { return steps_; }
  std::int64_t Steps() const { return steps_; }
  Memory& Remembered() { return memory_; }
  const Memory& Remembered() const { return memory_; }
  // Which of the three this kind uses, in FlatOptimizer's order.
  bool UsesFirst() const { return Adam() || settings_.momentum > 0; }
  bool UsesCentre() const { return !Adam() && settings_.centered; }

 private:
  bool Adam() const { return settings_.kind == OptimizerSettings::Kind::kAdam; }
  Memory memory_;
  OptimizerSettings settings_;
  std::int64_t steps_ = 0;
};

class TorchModel final : public TappedModel {
 public:
  TorchModel(const NetworkSpec& spec, const OptimizerSettings& optimizer,
             std::span<const float> initial, const std::string& device,
             const std::vector<std::size_t>& layers = {})
      : spec_(spec),
        device_(device),
        parameters_(ToDevice(initial)),
        target_(parameters_),
        average_(torch::zeros_like(parameters_)),
        optimizer_(optimizer, parameters_) {
    for (const std::size_t layer : layers) taps_.emplace(layer, torch::Tensor());
  }

  const NetworkSpec& Spec() const override { return spec_; }

  std::span<const float> Forward(std::span<const PackedRows> parts) override {
    // A fresh leaf over the same memory: its gradient is this step's alone.
    leaf_ = parameters_.detach().requires_grad_(true);
    output_ = TorchForward(spec_, leaf_, Observations(parts), taps_.empty() ? nullptr : &taps_);
    for (const auto& [layer, made] : taps_) tapped_[layer] = ToHost(made.detach());
    return Read(output_.detach());
  }

  std::span<const float> Tapped(std::size_t layer) const override {
    const auto found = tapped_.find(layer);
    SH_CHECK(found != tapped_.end(), "layer {} of {} is not kept", layer, spec_.ToString());
    return found->second;
  }

  std::span<const float> ForwardTarget(std::span<const PackedRows> parts) override {
    const torch::NoGradGuard no_grad;
    output_.reset();
    return Read(TorchForward(spec_, target_, Observations(parts)));
  }

  double Step(std::span<const float> q_gradient) override { return Step(q_gradient, {}); }

  double Step(std::span<const float> q_gradient, std::span<const TapGradient> taps) override {
    Backward(q_gradient, taps, /*again=*/false);
    output_.reset();
    for (auto& [layer, made] : taps_) made.reset();
    const torch::NoGradGuard no_grad;
    return optimizer_.Step(parameters_, leaf_.grad());
  }

  std::vector<float> Gradient(std::span<const float> q_gradient) override {
    return Gradient(q_gradient, {});
  }
  std::vector<float> Gradient(std::span<const float> q_gradient,
                              std::span<const TapGradient> taps) override {
    Backward(q_gradient, taps, /*again=*/true);
    const auto gradient = ToHost(leaf_.grad());
    leaf_.mutable_grad().reset();
    return gradient;
  }

  double StepAlong(std::span<const float> gradient) override {
    const torch::NoGradGuard no_grad;
    return optimizer_.Step(parameters_, ToDevice(gradient));
  }

  void HoldFirst(std::span<const float> parameters) override {
    held_ = std::ssize(parameters);
    if (held_ > spec_.ParameterCount()) {
      throw ShapeError(fmt::format("network {}: {} parameters to be held, it has {}",
                                   spec_.ToString(), held_, spec_.ParameterCount()));
    }
    const torch::NoGradGuard no_grad;
    if (held_ > 0) parameters_.narrow(0, 0, held_).copy_(ToDevice(parameters));
  }

  void UpdateTarget() override { target_ = parameters_.clone(); }
  std::vector<float> Parameters() const override { return ToHost(parameters_); }
  void SetParameters(std::span<const float> canonical) override {
    if (static_cast<std::int64_t>(canonical.size()) != spec_.ParameterCount()) {
      throw ShapeError(fmt::format("network {}: {} parameters, expected {}", spec_.ToString(),
                                   canonical.size(), spec_.ParameterCount()));
    }
    parameters_ = ToDevice(canonical);
  }
  void MoveAverage(double rate) override { average_.lerp_(parameters_, rate); }
  std::vector<float> Average() const override { return ToHost(average_); }

  ModelState Save() const override {
    const auto used = [](bool uses, const torch::Tensor& tensor) {
      return uses ? ToHost(tensor) : std::vector<float>{};
    };
    return {spec_,
            static_cast<std::uint8_t>(optimizer_.Settings().kind),
            static_cast<std::uint64_t>(optimizer_.Steps()),
            ToHost(parameters_),
            ToHost(target_),
            ToHost(average_),
            used(optimizer_.UsesFirst(), optimizer_.Remembered().first),
            ToHost(optimizer_.Remembered().second),
            used(optimizer_.UsesCentre(), optimizer_.Remembered().centre)};
  }
  void Load(const ModelState& state) override {
    ExpectStateFits(state, spec_, optimizer_.Settings());
    const auto fill = [this](torch::Tensor& tensor, const std::vector<float>& block) {
      tensor = block.empty() ? torch::zeros_like(parameters_) : ToDevice(block);
    };
    optimizer_.Steps() = static_cast<std::int64_t>(state.optimizer_steps);
    parameters_ = ToDevice(state.parameters);
    target_ = state.target.empty() ? parameters_ : ToDevice(state.target);
    fill(average_, state.average);
    fill(optimizer_.Remembered().first, state.first);
    fill(optimizer_.Remembered().second, state.second);
    fill(optimizer_.Remembered().centre, state.centre);
  }

 private:
  /// leaf_.grad() becomes the gradient; `again`: of the same Forward another one may be asked for.
  void Backward(std::span<const float> q_gradient, std::span<const TapGradient> taps, bool again) {
    const auto rows = static_cast<std::int64_t>(q_gradient.size()) / spec_.NumActions();
    SH_CHECK(output_.defined() && rows <= output_.size(0), "Step of {} rows without Forward", rows);
    std::vector<torch::Tensor> roots = {output_.narrow(0, 0, rows)};
    std::vector<torch::Tensor> cotangents = {ToDevice(q_gradient).view({rows, spec_.NumActions()})};
    for (const TapGradient& tap : taps) {
      const torch::Tensor& made = taps_.at(tap.layer);
      const std::int64_t size = made.numel() / made.size(0);
      roots.push_back(made.narrow(0, 0, static_cast<std::int64_t>(tap.values.size()) / size));
      cotangents.push_back(ToDevice(tap.values).view(roots.back().sizes()));
    }
    torch::autograd::backward(roots, cotangents, /*retain_graph=*/again);
    const torch::NoGradGuard no_grad;
    if (held_ > 0) leaf_.mutable_grad().narrow(0, 0, held_).zero_();
  }

  torch::Tensor ToDevice(std::span<const float> values) const {
    // from_blob borrows; the copy owns its memory.
    return torch::from_blob(const_cast<float*>(values.data()),
                            {static_cast<std::int64_t>(values.size())}, torch::kFloat32)
        .to(device_, torch::kFloat32, /*non_blocking=*/false, /*copy=*/true);
  }

  static std::vector<float> ToHost(const torch::Tensor& tensor) {
    const auto host = tensor.to(torch::kCPU).contiguous();
    return {host.data_ptr<float>(), host.data_ptr<float>() + host.numel()};
  }

  torch::Tensor Observations(std::span<const PackedRows> parts) const {
    const std::int64_t row_bytes = spec_.Observation().PackedBytes();
    std::int64_t bytes = 0;
    for (const PackedRows& part : parts) bytes += std::ssize(part);
    if (bytes % row_bytes != 0) {
      throw ShapeError(fmt::format("network {}: {} bytes of observations are not rows of {}",
                                   spec_.ToString(), bytes, row_bytes));
    }
    const auto host = torch::empty({bytes / row_bytes, row_bytes}, torch::kUInt8);
    auto* out = host.data_ptr<std::uint8_t>();
    for (const PackedRows& part : parts) {
      if (!part.empty()) std::memcpy(out, part.data(), part.size());
      out += part.size();
    }
    return UnpackObservations(spec_.Observation(), host.to(device_));
  }

  std::span<const float> Read(const torch::Tensor& q) {
    q_ = ToHost(q);
    return q_;
  }

  const NetworkSpec spec_;
  const torch::Device device_;
  torch::Tensor parameters_;
  torch::Tensor target_;
  torch::Tensor average_;
  TensorOptimizer optimizer_;
  torch::Tensor leaf_;
  torch::Tensor output_;  ///< of the last Forward, with its graph
  std::vector<float> q_;
  std::map<std::size_t, torch::Tensor> taps_;  ///< of the last Forward, with their graph
  std::map<std::size_t, std::vector<float>> tapped_;
  std::int64_t held_ = 0;  ///< first parameters that Step leaves alone
};

}  // namespace

std::unique_ptr<TrainedModel> MakeTorchModel(const NetworkSpec& spec,
                                             const OptimizerSettings& optimizer,
                                             std::span<const float> initial,
                                             const std::string& device) {
  return std::make_unique<TorchModel>(spec, optimizer, initial, device);
}

std::unique_ptr<TappedModel> MakeTappedModel(const NetworkSpec& spec,
                                             const OptimizerSettings& optimizer,
                                             std::span<const float> initial,
                                             const std::string& device,
                                             std::vector<std::size_t> layers) {
  for (const std::size_t layer : layers) {
    SH_CHECK(layer + 1 < spec.Layers().size(), "layer {} of {}", layer, spec.ToString());
  }
  return std::make_unique<TorchModel>(spec, optimizer, initial, device, layers);
}

std::string ResolveDevice(const std::string& configured) {
  if (configured == "cpu") return configured;
  const auto count = torch::cuda::is_available() ? torch::cuda::device_count() : 0;
  if (configured == "auto") return count > 0 ? "cuda:0" : "cpu";
  std::size_t index = 0;
  if (configured.starts_with("cuda:")) {
    const std::string digits = configured.substr(5);
    if (digits.empty() || digits.size() > 4 ||
        digits.find_first_not_of("0123456789") != std::string::npos) {
      throw ConfigError(fmt::format("device \"{}\": must be auto, cpu or cuda:N", configured));
    }
    index = static_cast<std::size_t>(std::stoul(digits));
  } else if (configured != "cuda") {
    throw ConfigError(fmt::format("device \"{}\": must be auto, cpu or cuda:N", configured));
  }
  if (index >= count) {
    throw ConfigError(fmt::format("device \"{}\": this machine has {} CUDA device(s)", configured,
                                  static_cast<int>(count)));
  }
  return fmt::format("cuda:{}", index);
}

}  // namespace stillhouse::learner
