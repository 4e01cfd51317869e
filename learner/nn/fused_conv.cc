#include <algorithm>

#include "learner/nn/fused_layer.h"
#include "learner/nn/gemm.h"

namespace stillhouse::learner {
namespace {

/// Floats of one tile of patches: half of a common L2 cache.
constexpr std::int64_t kTileFloats = 128 * 1024;

class FusedConv final : public FusedLayer {
 public:
  FusedConv(const ConvShape& shape, bool relu, std::int64_t offset)
      : shape_(shape),
        relu_(relu),
        offset_(offset),
        in_size_(shape.channels * shape.rows * shape.columns),
        patch_size_(shape.Positions() * shape.Taps()),
        tile_rows_(std::max<std::int64_t>(1, kTileFloats / patch_size_)) {}

  std::int64_t OutSize() const override { return shape_.Positions() * shape_.filters; }

  void Forward(const float* parameters, const float* in, std::int64_t rows, float* out) override {
    const float* weight = parameters + offset_;
    for (std::int64_t row = 0; row < rows; row += tile_rows_) {
      const std::int64_t count = std::min(tile_rows_, rows - row);
      Gather(in + row * in_size_, count);
      GemmNN(count * shape_.Positions(), shape_.filters, shape_.Taps(), patches_.data(), weight,
             out + row * OutSize());
    }
    AddBias(weight + shape_.Taps() * shape_.filters, rows * shape_.Positions(), shape_.filters,
            relu_, out);
  }

  void Backward(const BackwardPass& pass) override {
    const float* weight = pass.parameters + offset_;
    float* gradient = pass.gradient + offset_;
    MaskAndSum(pass.out, pass.rows * shape_.Positions(), shape_.filters, relu_, pass.out_gradient,
               gradient + shape_.Taps() * shape_.filters);
    for (std::int64_t row = 0; row < pass.rows; row += tile_rows_) {
      const std::int64_t count = std::min(tile_rows_, pass.rows - row);
      const float* out_gradient = pass.out_gradient + row * OutSize();
      Gather(pass.in + row * in_size_, count);
      GemmTN(shape_.Taps(), shape_.filters, count * shape_.Positions(), patches_.data(),
             out_gradient, gradient, row > 0);
      if (pass.in_gradient == nullptr) continue;
      GemmNT(count * shape_.Positions(), shape_.Taps(), shape_.filters, out_gradient, weight,
             patches_.data());
      Scatter(pass.in_gradient + row * in_size_, count);
    }
  }

 private:
  /// Calls visit(place in the patches, place in the images, floats) for every run of taps that
  /// lies inside the image, and outside(place in the patches, floats) for the padding.
  template <typename Visit, typename Outside>
  void ForEachRun(std::int64_t count, Visit visit, Outside outside) const {
    const std::int64_t run = shape_.kernel * shape_.channels;
    std::int64_t patch = 0;
    for (std::int64_t image = 0; image < count; ++image) {
      for (std::int64_t oy = 0; oy < shape_.OutRows(); ++oy) {
        for (std::int64_t ox = 0; ox < shape_.OutColumns(); ++ox) {
          const std::int64_t left = ox * shape_.stride - shape_.padding;
          const std::int64_t first = std::clamp<std::int64_t>(-left, 0, shape_.kernel);
          const std::int64_t last =
              std::clamp<std::int64_t>(shape_.columns - left, first, shape_.kernel);
          for (std::int64_t ky = 0; ky < shape_.kernel; ++ky, patch += run) {
            const std::int64_t y = oy * shape_.stride - shape_.padding + ky;
            if (y < 0 || y >= shape_.rows) {
              outside(patch, run);
              continue;
            }
            const std::int64_t source =
                image * in_size_ + (y * shape_.columns + left + first) * shape_.channels;
            if (first > 0) outside(patch, first * shape_.channels);
            visit(patch + first * shape_.channels, source, (last - first) * shape_.channels);
            if (last < shape_.kernel) {
              outside(patch + last * shape_.channels, (shape_.kernel - last) * shape_.channels);
            }
          }
        }
      }
    }
  }

  void Gather(const float* images, std::int64_t count) {
    patches_.resize(static_cast<std::size_t>(tile_rows_ * patch_size_));
    float* patches = patches_.data();
    ForEachRun(
        count,
        [&](std::int64_t patch, std::int64_t source, std::int64_t floats) {
          std::copy_n(images + source, floats, patches + patch);
        },
        [&](std::int64_t patch, std::int64_t floats) {
          std::fill_n(patches + patch, floats, 0.0F);
        });
  }

  void Scatter(float* image_gradient, std::int64_t count) const {
    std::fill_n(image_gradient, count * in_size_, 0.0F);
    const float* patches = patches_.data();
    ForEachRun(
        count,
        [&](std::int64_t patch, std::int64_t source, std::int64_t floats) {
          for (std::int64_t i = 0; i < floats; ++i)
            image_gradient[source + i] += patches[patch + i];
        },
        [](std::int64_t, std::int64_t) {});
  }

  const ConvShape shape_;
  const bool relu_;
  const std::int64_t offset_;
  const std::int64_t in_size_;
  const std::int64_t patch_size_;
  const std::int64_t tile_rows_;
  std::vector<float> patches_;  ///< [images of a tile, positions, taps]
};

}  // namespace

std::int64_t AppendConvParameters(const ConvShape& shape, const TensorEntry& weight,
                                  const TensorEntry& bias, ParameterSources& sources) {
  const auto offset = static_cast<std::int64_t>(sources.size());
  const std::int64_t window = shape.kernel * shape.kernel;
  for (std::int64_t tap = 0; tap < window; ++tap) {
    for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
      for (std::int64_t filter = 0; filter < shape.filters; ++filter) {
        sources.push_back(static_cast<std::uint32_t>(
            weight.offset + (filter * shape.channels + channel) * window + tap));
      }
    }
  }
  for (std::int64_t filter = 0; filter < shape.filters; ++filter) {
    sources.push_back(static_cast<std::uint32_t>(bias.offset + filter));
  }
  return offset;
}

std::unique_ptr<FusedLayer> MakeFusedConv(const ConvShape& shape, bool relu,
                                          std::int64_t parameter_offset) {
  return std::make_unique<FusedConv>(shape, relu, parameter_offset);
}

}  // namespace stillhouse::learner
