#include "tests/support/reference_network.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "common/base/error.h"

namespace stillhouse {
namespace {

using Values = std::vector<double>;

std::span<const float> Tensor(const NetworkSpec& spec, std::span<const float> parameters,
                              const std::string& name) {
  for (const auto& entry : spec.Tensors()) {
    if (entry.name == name) {
      return parameters.subspan(static_cast<std::size_t>(entry.offset),
                                static_cast<std::size_t>(entry.Size()));
    }
  }
  SH_CHECK(false, "no tensor {}", name);
}

Values Linear(const Values& in, std::span<const float> weight, std::span<const float> bias) {
  Values out;
  for (std::size_t o = 0; o < bias.size(); ++o) {
    auto sum = static_cast<double>(bias[o]);
    for (std::size_t i = 0; i < in.size(); ++i) {
      sum += static_cast<double>(weight[o * in.size() + i]) * in[i];
    }
    out.push_back(sum);
  }
  return out;
}

Values Conv(const Values& in, const std::vector<std::int64_t>& from,
            const std::vector<std::int64_t>& to, const LayerSpec& layer,
            std::span<const float> weight, std::span<const float> bias) {
  const std::int64_t k = layer.kernel;
  Values out;
  for (std::int64_t f = 0; f < to[0]; ++f) {
    for (std::int64_t row = 0; row < to[1]; ++row) {
      for (std::int64_t column = 0; column < to[2]; ++column) {
        auto sum = static_cast<double>(bias[static_cast<std::size_t>(f)]);
        for (std::int64_t c = 0; c < from[0]; ++c) {
          for (std::int64_t ky = 0; ky < k; ++ky) {
            for (std::int64_t kx = 0; kx < k; ++kx) {
              const std::int64_t y = row * layer.stride + ky - layer.padding;
              const std::int64_t x = column * layer.stride + kx - layer.padding;
              if (y < 0 || y >= from[1] || x < 0 || x >= from[2]) continue;
              sum += in[static_cast<std::size_t>((c * from[1] + y) * from[2] + x)] *
                     static_cast<double>(
                         weight[static_cast<std::size_t>(((f * from[0] + c) * k + ky) * k + kx)]);
            }
          }
        }
        out.push_back(sum);
      }
    }
  }
  return out;
}

Values Head(const NetworkSpec& spec, std::span<const float> parameters, const Values& in) {
  const auto tensor = [&](const std::string& name) { return Tensor(spec, parameters, name); };
  if (!spec.Layers().back().dueling) return Linear(in, tensor("head.weight"), tensor("head.bias"));
  const Values value = Linear(in, tensor("value.weight"), tensor("value.bias"));
  Values q = Linear(in, tensor("advantage.weight"), tensor("advantage.bias"));
  double mean = 0;
  for (const double a : q) mean += a / static_cast<double>(q.size());
  for (double& a : q) a = value[0] + a - mean;
  return q;
}

Values ForwardOne(const NetworkSpec& spec, std::span<const float> parameters, Values values) {
  for (std::size_t i = 0; i < spec.Layers().size(); ++i) {
    const LayerSpec& layer = spec.Layers()[i];
    const auto tensor = [&](const char* kind) {
      return Tensor(spec, parameters, fmt::format("{}.{}", i, kind));
    };
    switch (layer.kind) {
      case LayerKind::kConv2d:
        values = Conv(values, spec.InputShape(i), spec.Shapes()[i], layer, tensor("weight"),
                      tensor("bias"));
        break;
      case LayerKind::kLinear:
        values = Linear(values, tensor("weight"), tensor("bias"));
        break;
      case LayerKind::kRelu:
        for (double& v : values) v = v > 0 ? v : 0;
        break;
      case LayerKind::kTanh:
        for (double& v : values) v = std::tanh(v);
        break;
      case LayerKind::kFlatten:
        break;
      case LayerKind::kQHead:
        values = Head(spec, parameters, values);
        break;
      default:  // LibTorch is the reference of the others
        throw std::logic_error("no reference for " + ToString(layer));
    }
  }
  return values;
}

}  // namespace

std::vector<double> ReferenceForward(const NetworkSpec& spec, std::span<const float> parameters,
                                     std::span<const float> observations) {
  const auto elements = static_cast<std::size_t>(spec.Observation().Elements());
  Values all;
  for (std::size_t at = 0; at < observations.size(); at += elements) {
    const auto one = observations.subspan(at, elements);
    const Values q = ForwardOne(spec, parameters, Values(one.begin(), one.end()));
    all.insert(all.end(), q.begin(), q.end());
  }
  return all;
}

}  // namespace stillhouse
