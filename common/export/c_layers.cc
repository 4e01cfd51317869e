// The layers as C99, plain loops over row-major arrays. In the text NAME stands for "_int8" or
// nothing, WEIGHT for the weights' parameters, and SCALE(i) for what a sum of output i is
// multiplied with: nothing, or its scale.
#include "common/export/c_layers.h"

#include "common/base/error.h"

namespace stillhouse {
namespace {

constexpr std::string_view kConv2d = R"(
/* in [channels,rows,columns] -> out [filters,out_rows,out_columns]; bias may be 0 */
static void conv2dNAME(const float *in, int32_t channels, int32_t rows, int32_t columns,
                   WEIGHT, const float *bias, int32_t filters,
                   int32_t kernel, int32_t stride, int32_t padding, int32_t out_rows,
                   int32_t out_columns, float *out) {
  int32_t f, row, column, c, y, x;
  for (f = 0; f < filters; ++f) {
    for (row = 0; row < out_rows; ++row) {
      for (column = 0; column < out_columns; ++column) {
        float sum = 0.0f;
        for (c = 0; c < channels; ++c) {
          for (y = 0; y < kernel; ++y) {
            const int32_t r = row * stride + y - padding;
            if (r < 0 || r >= rows) continue;
            for (x = 0; x < kernel; ++x) {
              const int32_t k = column * stride + x - padding;
              if (k < 0 || k >= columns) continue;
              sum += in[(c * rows + r) * columns + k] *
                     (float)weight[((f * channels + c) * kernel + y) * kernel + x];
            }
          }
        }
        *out++ = sumSCALE(f) + (bias ? bias[f] : 0.0f);
      }
    }
  }
}
)";

constexpr std::string_view kDepthwise = R"(
/* every channel with a filter of its own; bias may be 0 */
static void depthwiseNAME(const float *in, int32_t channels, int32_t rows, int32_t columns,
                      WEIGHT, const float *bias, int32_t kernel,
                      int32_t stride, int32_t padding, int32_t out_rows, int32_t out_columns,
                      float *out) {
  int32_t c, row, column, y, x;
  for (c = 0; c < channels; ++c) {
    for (row = 0; row < out_rows; ++row) {
      for (column = 0; column < out_columns; ++column) {
        float sum = 0.0f;
        for (y = 0; y < kernel; ++y) {
          const int32_t r = row * stride + y - padding;
          if (r < 0 || r >= rows) continue;
          for (x = 0; x < kernel; ++x) {
            const int32_t k = column * stride + x - padding;
            if (k < 0 || k >= columns) continue;
            sum += in[(c * rows + r) * columns + k] * (float)weight[(c * kernel + y) * kernel + x];
          }
        }
        *out++ = sumSCALE(c) + (bias ? bias[c] : 0.0f);
      }
    }
  }
}
)";

constexpr std::string_view kLinear = R"(
static void linearNAME(const float *in, int32_t inputs, WEIGHT,
                   const float *bias, int32_t outputs, float *out) {
  int32_t o, i;
  for (o = 0; o < outputs; ++o) {
    float sum = 0.0f;
    for (i = 0; i < inputs; ++i) sum += in[i] * (float)weight[o * inputs + i];
    out[o] = sumSCALE(o) + bias[o];
  }
}
)";

constexpr std::string_view kRelu = R"(
static void relu(const float *in, int32_t size, float *out) {
  int32_t i;
  for (i = 0; i < size; ++i) out[i] = in[i] > 0.0f ? in[i] : 0.0f;
}
)";

constexpr std::string_view kTanh = R"(
static void tanh_all(const float *in, int32_t size, float *out) {
  int32_t i;
  for (i = 0; i < size; ++i) out[i] = tanhf(in[i]);
}
)";

constexpr std::string_view kMaxPool = R"(
/* the greatest of each window; padding never is */
static void max_pool(const float *in, int32_t channels, int32_t rows, int32_t columns,
                     int32_t kernel, int32_t stride, int32_t padding, int32_t out_rows,
                     int32_t out_columns, float *out) {
  int32_t c, row, column, y, x;
  for (c = 0; c < channels; ++c) {
    for (row = 0; row < out_rows; ++row) {
      for (column = 0; column < out_columns; ++column) {
        float best = 0.0f;
        int found = 0;
        for (y = 0; y < kernel; ++y) {
          const int32_t r = row * stride + y - padding;
          if (r < 0 || r >= rows) continue;
          for (x = 0; x < kernel; ++x) {
            const int32_t k = column * stride + x - padding;
            float value;
            if (k < 0 || k >= columns) continue;
            value = in[(c * rows + r) * columns + k];
            if (!found || value > best) best = value;
            found = 1;
          }
        }
        *out++ = best;
      }
    }
  }
}
)";

constexpr std::string_view kMeanPool = R"(
static void mean_pool(const float *in, int32_t channels, int32_t positions, float *out) {
  int32_t c, p;
  for (c = 0; c < channels; ++c) {
    double sum = 0.0;
    for (p = 0; p < positions; ++p) sum += (double)in[c * positions + p];
    out[c] = (float)(sum / (double)positions);
  }
}
)";

constexpr std::string_view kNorm = R"(
/* group normalisation: in [channels,positions] */
static void group_norm(const float *in, int32_t channels, int32_t positions, int32_t groups,
                       const float *scale, const float *offset, float *out) {
  const int32_t size = channels / groups * positions;
  int32_t g, i;
  for (g = 0; g < groups; ++g) {
    double sum = 0.0, squares = 0.0;
    float centre, factor;
    for (i = 0; i < size; ++i) sum += (double)in[g * size + i];
    sum /= (double)size;
    for (i = 0; i < size; ++i) {
      const double off = (double)in[g * size + i] - sum;
      squares += off * off;
    }
    centre = (float)sum;
    factor = (float)(1.0 / sqrt(squares / (double)size + 1e-5));
    for (i = 0; i < size; ++i) {
      const int32_t c = (g * size + i) / positions;
      out[g * size + i] = (in[g * size + i] - centre) * factor * scale[c] + offset[c];
    }
  }
}
)";

constexpr std::string_view kEmbedding = R"(
/* mean of the vectors of the tokens in `in`; 0 is padding, and what is no token counts as such */
static void embeddingNAME(const float *in, int32_t length, WEIGHT,
                      int32_t vocabulary, int32_t width, float *out) {
  int32_t i, w, count = 0;
  for (w = 0; w < width; ++w) out[w] = 0.0f;
  for (i = 0; i < length; ++i) {
    int32_t token;
    if (!(in[i] >= 1.0f && in[i] < (float)vocabulary)) continue;
    token = (int32_t)in[i];
    for (w = 0; w < width; ++w) out[w] += (float)weight[token * width + w]SCALE(token);
    ++count;
  }
  for (w = 0; w < width && count > 0; ++w) out[w] /= (float)count;
}
)";

constexpr std::string_view kJoin = R"(
static void add(const float *in, const float *other, int32_t size, float *out) {
  int32_t i;
  for (i = 0; i < size; ++i) out[i] = in[i] + other[i];
}
)";

constexpr std::string_view kDueling = R"(
/* Q = V + A - mean(A); q holds A and becomes Q */
static void dueling(float value, int32_t actions, float *q) {
  float mean = 0.0f;
  int32_t a;
  for (a = 0; a < actions; ++a) mean += q[a];
  mean /= (float)actions;
  for (a = 0; a < actions; ++a) q[a] = value + q[a] - mean;
}
)";

std::string_view Template(LayerKind kind) {
  switch (kind) {
    case LayerKind::kConv2d:
      return kConv2d;
    case LayerKind::kDepthwise:
      return kDepthwise;
    case LayerKind::kLinear:
    case LayerKind::kQHead:
      return kLinear;
    case LayerKind::kRelu:
      return kRelu;
    case LayerKind::kTanh:
      return kTanh;
    case LayerKind::kMaxPool:
      return kMaxPool;
    case LayerKind::kMeanPool:
      return kMeanPool;
    case LayerKind::kNorm:
      return kNorm;
    case LayerKind::kEmbedding:
      return kEmbedding;
    case LayerKind::kJoin:
      return kJoin;
    case LayerKind::kFlatten:
    case LayerKind::kView:
    case LayerKind::kResidual:
    case LayerKind::kShortcut:
      return "";
  }
  SH_CHECK(false, "unknown layer kind {}", static_cast<int>(kind));
}

void Replace(std::string& text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
}

}  // namespace

std::string CLayerFunction(LayerKind kind, bool int8) {
  std::string text(Template(kind));
  Replace(text, "NAME", int8 ? "_int8" : "");
  Replace(text, "WEIGHT",
          int8 ? "const int8_t *weight, const float *scale" : "const float *weight");
  for (const char index : {'f', 'c', 'o', 't'}) {
    const std::string name = index == 't' ? "token" : std::string(1, index);
    Replace(text, "SCALE(" + name + ")", int8 ? " * scale[" + name + "]" : "");
  }
  if (!int8) Replace(text, "(float)weight", "weight");
  return text;
}

std::string_view CDuelingFunction() { return kDueling; }

LayerKind CFunctionKind(LayerKind kind) {
  return kind == LayerKind::kQHead ? LayerKind::kLinear : kind;
}

}  // namespace stillhouse
