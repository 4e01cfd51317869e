#pragma once

#include <torch/torch.h>

#include "bench/inference_cases.h"
#include "common/base/tensor_spec.h"

/// Tuned LibTorch eager references: modules, autograd and torch::optim as one writes them by hand,
/// on float observations that lie ready.
namespace stillhouse::bench {

/// conv3x3 - relu - fc - relu - dueling, for [4,10,10] and 6 actions.
struct EagerNetworkImpl : torch::nn::Module {
  EagerNetworkImpl(std::int64_t filters, std::int64_t units)
      : conv(register_module("conv", torch::nn::Conv2d(4, filters, 3))),
        fc(register_module("fc", torch::nn::Linear(filters * 64, units))),
        value(register_module("value", torch::nn::Linear(units, 1))),
        advantage(register_module("advantage", torch::nn::Linear(units, 6))) {}
  torch::Tensor forward(const torch::Tensor& x) {
    const auto features = torch::relu(fc(torch::relu(conv(x)).flatten(1)));
    const auto a = advantage(features);
    return value(features) + a - a.mean(1, true);
  }
  torch::nn::Conv2d conv;
  torch::nn::Linear fc, value, advantage;
};
TORCH_MODULE(EagerNetwork);

/// Breakout-like observations as floats [count, 4, 10, 10].
inline torch::Tensor EagerObservations(const std::vector<std::uint8_t>& packed) {
  const TensorSpec spec{ElementKind::kBits, {4, 10, 10}};
  const auto rows = std::ssize(packed) / 50;
  const auto out = torch::empty({rows, 4, 10, 10});
  for (std::int64_t row = 0; row < rows; ++row) {
    Unpack(spec, packed.data() + row * 50, out.data_ptr<float>() + row * 400);
  }
  return out;
}

struct EagerBatch {
  torch::Tensor s, next, actions, rewards, discounts, weights;
};

/// Double DQN with importance weights, squared loss, clipping and Adam.
class EagerTeacher {
 public:
  EagerTeacher() : online_(16, 128), target_(16, 128), adam_(online_->parameters(), 2.5e-4) {}

  /// Returns the online network's Q-values of s.
  torch::Tensor Update(const EagerBatch& batch) {
    torch::Tensor y;
    {
      const torch::NoGradGuard no_grad;
      const auto best = online_(batch.next).argmax(1, true);
      y = batch.rewards + batch.discounts * target_(batch.next).gather(1, best).squeeze(1);
    }
    const auto q = online_(batch.s);
    const auto u = q.gather(1, batch.actions).squeeze(1) - y;
    adam_.zero_grad();
    (batch.weights * u * u).mean().backward();
    torch::nn::utils::clip_grad_norm_(online_->parameters(), 10.0);
    adam_.step();
    priorities_ = u.detach().abs();
    return q.detach();
  }

 private:
  EagerNetwork online_, target_;
  torch::optim::Adam adam_;
  torch::Tensor priorities_;
};

/// Sharpened KL of a small network to given Q-values, with clipping and Adam.
class EagerStudent {
 public:
  EagerStudent() : network_(4, 32), adam_(network_->parameters(), 1e-3) {}

  void Update(const torch::Tensor& s, const torch::Tensor& labels) {
    const auto log_p = torch::log_softmax(labels / 0.01, 1);
    const auto log_q = torch::log_softmax(network_(s), 1);
    adam_.zero_grad();
    (log_p.exp() * (log_p - log_q)).sum(1).mean().backward();
    torch::nn::utils::clip_grad_norm_(network_->parameters(), 10.0);
    adam_.step();
  }

 private:
  EagerNetwork network_;
  torch::optim::Adam adam_;
};

}  // namespace stillhouse::bench
