// Encoded form, little-endian:
//   block = "SHPB", uint32 format (1), uint64 fingerprint, uint64 version, uint64 count,
//           float32 value * count, uint32 CRC32C of everything before it
#include "common/model/parameters.h"

#include <bit>
#include <cmath>
#include <utility>

#include "common/base/crc32c.h"
#include "common/base/error.h"

namespace stillhouse {
namespace {

constexpr std::uint32_t kMagic = 0x42504853;  // "SHPB"
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kHeaderBytes = 4 + 4 + 8 + 8 + 8;

}  // namespace

ParameterBlock::ParameterBlock(const NetworkSpec& spec, std::uint64_t version,
                               std::vector<float> values)
    : fingerprint_(spec.Fingerprint()), version_(version), values_(std::move(values)) {
  if (std::cmp_not_equal(values_.size(), spec.ParameterCount())) {
    throw ShapeError(fmt::format("parameters of {}: {} values, expected {}", spec.ToString(),
                                 values_.size(), spec.ParameterCount()));
  }
}

std::size_t ParameterBlock::EncodedBytes() const {
  return kHeaderBytes + values_.size() * sizeof(float) + sizeof(std::uint32_t);
}

void ParameterBlock::Encode(ByteWriter& out) const {
  const std::size_t begin = out.Size();
  out.Put(kMagic);
  out.Put(kFormat);
  out.Put(fingerprint_);
  out.Put(version_);
  out.Put(static_cast<std::uint64_t>(values_.size()));
  out.PutArray(std::span<const float>(values_));
  out.Put(Crc32c({out.Data() + begin, out.Size() - begin}));
}

ParameterBlock ParameterBlock::Decode(ByteReader& in) {
  // A second reader at the same place walks the fields; `in` then hands out the checked bytes.
  ByteReader header = in;
  if (const auto magic = header.Get<std::uint32_t>(); magic != kMagic) {
    in.Fail(fmt::format("not a parameter block: magic {:08x}, expected {:08x}", magic, kMagic));
  }
  if (const auto format = header.Get<std::uint32_t>(); format != kFormat) {
    in.Fail(fmt::format("parameter block of format {}, this build reads {}", format, kFormat));
  }
  ParameterBlock block;
  block.fingerprint_ = header.Get<std::uint64_t>();
  block.version_ = header.Get<std::uint64_t>();
  const auto count = header.Get<std::uint64_t>();
  if (count > header.Left() / sizeof(float)) {
    in.Fail(
        fmt::format("parameter block announces {} values, {} bytes left", count, header.Left()));
  }
  const auto covered = in.GetBytes(kHeaderBytes + count * sizeof(float));
  const std::uint32_t found = Crc32c(covered);
  if (const auto expected = in.Get<std::uint32_t>(); expected != found) {
    in.Fail(fmt::format("parameter block: CRC32C {:08x}, stored {:08x}", found, expected));
  }
  block.values_ = header.GetArray<float>(count);
  return block;
}

ParameterBlock ParameterBlock::Decode(ByteReader& in, const NetworkSpec& expected) {
  ParameterBlock block = Decode(in);
  if (block.fingerprint_ != expected.Fingerprint()) {
    in.Fail(fmt::format("parameters of another network: fingerprint {:016x}, {} has {:016x}",
                        block.fingerprint_, expected.ToString(), expected.Fingerprint()));
  }
  if (std::cmp_not_equal(block.values_.size(), expected.ParameterCount())) {
    in.Fail(fmt::format("parameters of {}: {} values, expected {}", expected.ToString(),
                        block.values_.size(), expected.ParameterCount()));
  }
  return block;
}

bool AllFinite(std::span<const float> values) {
  // An exponent of all ones is infinity or NaN; integer maximum vectorises, isfinite does not.
  std::uint32_t largest = 0;
  for (const float value : values) {
    const std::uint32_t exponent = std::bit_cast<std::uint32_t>(value) & 0x7f800000U;
    largest = exponent > largest ? exponent : largest;
  }
  return largest != 0x7f800000U;
}

std::vector<float> InitialParameters(const NetworkSpec& spec, Rng& rng) {
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(spec.ParameterCount()));
  for (const auto& tensor : spec.Tensors()) {
    if (tensor.initial != TensorEntry::Initial::kUniform) {
      const bool one = tensor.initial == TensorEntry::Initial::kOne;
      values.insert(values.end(), static_cast<std::size_t>(tensor.Size()), one ? 1.0F : 0.0F);
      continue;
    }
    const double bound = 1.0 / std::sqrt(static_cast<double>(tensor.fan_in));
    for (std::int64_t i = 0; i < tensor.Size(); ++i) {
      values.push_back(static_cast<float>((2.0 * rng.Uniform() - 1.0) * bound));
    }
  }
  return values;
}

}  // namespace stillhouse
