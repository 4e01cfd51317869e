#pragma once

#include <cstdint>

namespace stillhouse {

/// The inner loops of the native backend, compiled once per instruction set. This header and the
/// kernel files include nothing that has inline code of its own, so that no function compiled for
/// a newer CPU can replace the one that the rest of the program uses.
///
/// Outputs (a linear layer's units, a convolution's filters) are innermost everywhere, padded with
/// zero weights to `pitch`, and cut into chunks whose accumulators fit the registers. A chunk's
/// weights are [inputs][width], rows contiguous, 64-byte aligned.
struct OutputChunk {
  std::int64_t column = 0;  ///< first output
  std::int64_t width = 0;   ///< linear: 16, 32, 64, 128; convolution: 4, 8, 16, 32, 64
  const float* weights = nullptr;
};

/// Non-zero inputs of one observation, ascending.
struct SparseInput {
  const std::uint32_t* index = nullptr;
  const float* value = nullptr;
  /// block_end[b]: how many entries have index < (b + 1) * kRowsPerBlock.
  const std::uint32_t* block_end = nullptr;
};
/// Rows of weights that stay in the first-level cache while a tile of observations passes over
/// them: 32 rows of 128 outputs are 16 KiB.
constexpr std::int64_t kRowsPerBlock = 32;

struct LinearCall {
  const OutputChunk* chunks = nullptr;
  std::int64_t num_chunks = 0;
  std::int64_t num_blocks = 0;  ///< of kRowsPerBlock inputs
  const float* bias = nullptr;  ///< [pitch]
  const SparseInput* in = nullptr;
  std::int64_t batch = 0;
  float* out = nullptr;  ///< [batch, pitch]
  std::int64_t pitch = 0;
  bool relu = false;
};

struct ConvCall {
  const OutputChunk* chunks = nullptr;
  std::int64_t num_chunks = 0;
  const float* bias = nullptr;         ///< [pitch]
  float* out = nullptr;                ///< [rows, columns, pitch]
  std::int64_t rows = 0, columns = 0;  ///< of the output
  std::int64_t pitch = 0;
  bool relu = false;
  // Dense: the input of output position (r, c) and window element k lies at
  // in[r * row_step + c * column_step + window[k]].
  const float* in = nullptr;
  std::int64_t row_step = 0, column_step = 0;
  const std::uint32_t* window = nullptr;
  std::int64_t window_size = 0;
  // Bits, stride 1: every set bit adds kernel x kernel weight vectors to an image that has a margin
  // wide enough that nothing needs a check.
  const std::uint8_t* bits = nullptr;
  std::int64_t num_bits = 0;
  std::int64_t kernel = 0;
  const std::uint32_t* bit_place = nullptr;   ///< [bits]: place in the margined image, in vectors
  const std::uint32_t* bit_weight = nullptr;  ///< [bits]: first weight row of the bit's channel
  float* margined = nullptr;                  ///< scratch [margined_places, widest chunk]
  std::int64_t margined_columns = 0, margined_places = 0;
  std::int64_t first_place = 0;  ///< of output (0, 0) in the margined image
};

struct KernelTable {
  const char* name;
  /// out [n] <- 0.0 or 1.0
  void (*unpack_bits)(const std::uint8_t* bits, std::int64_t n, float* out);
  /// Lists the non-zeros of in [n]. index and value have room for n + 16 entries, block_end for
  /// one entry a block.
  void (*find_non_zeros)(const float* in, std::int64_t n, std::uint32_t* index, float* value,
                         std::uint32_t* block_end);
  void (*linear)(const LinearCall& call);
  void (*conv_dense)(const ConvCall& call);
  void (*conv_bits)(const ConvCall& call);
};

extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;

}  // namespace stillhouse
