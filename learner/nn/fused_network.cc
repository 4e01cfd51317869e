#include "learner/nn/fused_network.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace stillhouse::learner {
namespace {

ImageOrder OrderOf(const std::vector<std::int64_t>& shape) {
  if (shape.size() != 3) return {};
  return {shape[0], shape[1] * shape[2]};
}

std::size_t Size(std::int64_t count) { return static_cast<std::size_t>(count); }

}  // namespace

FusedNetwork::FusedNetwork(NetworkSpec spec) : spec_(std::move(spec)) {
  SH_CHECK(!spec_.NeedsAutograd(), "{} needs autograd", spec_.ToString());
  Build();
  activations_.resize(layers_.size() + 1);
  gradients_.resize(layers_.size() + 1);
}

void FusedNetwork::Build() {
  const auto& layers = spec_.Layers();
  ImageOrder order = input_order_ = OrderOf(spec_.Observation().shape);
  input_size_ = spec_.Observation().Elements();
  canonical_row_.resize(Size(input_size_));
  sources_.reserve(Size(spec_.ParameterCount()));
  std::size_t tensor = 0;
  bool after_relu = false;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    std::int64_t size = 1;
    for (const auto length : spec_.InputShape(i)) size *= length;
    switch (layers[i].kind) {
      case LayerKind::kFlatten:
        break;
      case LayerKind::kRelu:
        layers_.push_back(MakeFusedRelu(size));
        after_relu = true;
        break;
      case LayerKind::kTanh:
        layers_.push_back(MakeFusedTanh(size));
        after_relu = false;
        break;
      default: {
        if (tensor == 0) first_trained_ = layers_.size();
        const bool relu = i + 1 < layers.size() && layers[i + 1].kind == LayerKind::kRelu;
        AddTrained(i, tensor, {relu, after_relu}, order);
        after_relu = relu;
        order = OrderOf(spec_.Shapes()[i]);
        tensor += 2;
        if (relu) ++i;
      }
    }
  }
  SH_CHECK(std::ssize(sources_) == spec_.ParameterCount(), "{} of {} parameters placed",
           sources_.size(), spec_.ParameterCount());
}

void FusedNetwork::AddTrained(std::size_t index, std::size_t tensor, const LinearOptions& options,
                              const ImageOrder& order) {
  const LayerSpec& layer = spec_.Layers()[index];
  const TensorEntry& weight = spec_.Tensors()[tensor];
  const TensorEntry& bias = spec_.Tensors()[tensor + 1];
  if (layer.kind == LayerKind::kQHead && layer.dueling) {
    layers_.push_back(
        MakeFusedLinear({&weight, &weight + 2}, {&bias, &bias + 2}, order, options, sources_));
    layers_.push_back(MakeFusedDueling(spec_.NumActions()));
  } else if (layer.kind == LayerKind::kConv2d) {
    const auto& in = spec_.InputShape(index);
    const ConvShape shape{in[0],        in[1],        in[2],        layer.units,
                          layer.kernel, layer.stride, layer.padding};
    const std::int64_t offset = AppendConvParameters(shape, weight, bias, sources_);
    if (index == 0 && spec_.Observation().kind == ElementKind::kBits) {
      bit_conv_.emplace(shape, options.relu, offset);
      input_size_ = bit_conv_->OutSize();
    } else {
      layers_.push_back(MakeFusedConv(shape, options.relu, offset));
    }
  } else {
    layers_.push_back(MakeFusedLinear({&weight}, {&bias}, order, options, sources_));
  }
}

std::vector<float> FusedNetwork::ToFused(std::span<const float> canonical) const {
  if (canonical.size() != sources_.size()) {
    throw ShapeError(fmt::format("network {}: {} parameters, expected {}", spec_.ToString(),
                                 canonical.size(), sources_.size()));
  }
  std::vector<float> fused(canonical.size());
  for (std::size_t i = 0; i < fused.size(); ++i) fused[i] = canonical[sources_[i]];
  return fused;
}

std::vector<float> FusedNetwork::ToCanonical(std::span<const float> fused) const {
  std::vector<float> canonical(fused.size());
  for (std::size_t i = 0; i < fused.size(); ++i) canonical[sources_[i]] = fused[i];
  return canonical;
}

void FusedNetwork::Unpack(const std::uint8_t* packed, float* out) {
  if (input_order_.channels == 1) {
    stillhouse::Unpack(spec_.Observation(), packed, out);
    return;
  }
  stillhouse::Unpack(spec_.Observation(), packed, canonical_row_.data());
  const float* from = canonical_row_.data();
  for (std::int64_t channel = 0; channel < input_order_.channels; ++channel) {
    for (std::int64_t position = 0; position < input_order_.positions; ++position) {
      out[position * input_order_.channels + channel] = *from++;
    }
  }
}

void FusedNetwork::ReadInput(std::span<const PackedRows> parts, const float* parameters) {
  const auto row_bytes = Size(spec_.Observation().PackedBytes());
  const auto bit_bytes = Size(spec_.Observation().ElementBytes());
  std::size_t bytes = 0;
  for (const PackedRows& part : parts) {
    if (part.size() % row_bytes != 0) {
      throw ShapeError(fmt::format("network {}: {} bytes of observations are not rows of {}",
                                   spec_.ToString(), part.size(), row_bytes));
    }
    bytes += part.size();
  }
  rows_ = static_cast<std::int64_t>(bytes / row_bytes);
  activations_[0].resize(std::max(activations_[0].size(), Size(rows_ * input_size_)));
  packed_.clear();
  float* out = activations_[0].data();
  for (const PackedRows& part : parts) {
    if (bit_conv_) packed_.insert(packed_.end(), part.begin(), part.end());
    for (std::size_t at = 0; at < part.size(); at += row_bytes, out += input_size_) {
      if (bit_conv_) {
        bit_conv_->Forward(parameters, part.subspan(at, bit_bytes), out);
      } else {
        Unpack(part.data() + at, out);
      }
    }
  }
}

std::span<const float> FusedNetwork::Forward(std::span<const float> parameters,
                                             std::span<const PackedRows> parts) {
  SH_CHECK(parameters.size() == sources_.size(), "{} parameters", parameters.size());
  ReadInput(parts, parameters.data());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    auto& out = activations_[i + 1];
    out.resize(std::max(out.size(), Size(rows_ * layers_[i]->OutSize())));
    layers_[i]->Forward(parameters.data(), activations_[i].data(), rows_, out.data());
  }
  return std::span<const float>(activations_.back()).first(Size(rows_ * spec_.NumActions()));
}

void FusedNetwork::Backward(std::span<const float> parameters, std::span<const float> q_gradient,
                            std::span<float> gradient) {
  const auto actions = Size(spec_.NumActions());
  const auto rows = static_cast<std::int64_t>(q_gradient.size() / actions);
  SH_CHECK(q_gradient.size() % actions == 0 && rows <= rows_, "{} gradients for {} rows",
           q_gradient.size(), rows_);
  SH_CHECK(gradient.size() == sources_.size(), "{} gradients", gradient.size());
  gradients_.back().assign(q_gradient.begin(), q_gradient.end());
  for (std::size_t i = layers_.size(); i-- > first_trained_;) {
    const bool wants_input = i > first_trained_ || bit_conv_;
    const std::int64_t in_size = i == 0 ? input_size_ : layers_[i - 1]->OutSize();
    auto& in_gradient = gradients_[i];
    if (wants_input) in_gradient.resize(std::max(in_gradient.size(), Size(rows * in_size)));
    layers_[i]->Backward({parameters.data(), activations_[i].data(), activations_[i + 1].data(),
                          gradients_[i + 1].data(), wants_input ? in_gradient.data() : nullptr,
                          gradient.data(), rows});
  }
  if (!bit_conv_) return;
  bit_conv_->ClearGradient(gradient.data());
  const auto row_bytes = Size(spec_.Observation().PackedBytes());
  const auto bit_bytes = Size(spec_.Observation().ElementBytes());
  for (std::int64_t row = 0; row < rows; ++row) {
    bit_conv_->Backward(PackedRows(packed_).subspan(Size(row) * row_bytes, bit_bytes),
                        activations_[0].data() + row * input_size_,
                        gradients_[0].data() + row * input_size_, gradient.data());
  }
}

}  // namespace stillhouse::learner
