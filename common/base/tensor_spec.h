#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/byte_io.h"

namespace stillhouse {

/// How one element of an observation is stored; an environment declares it.
enum class ElementKind : std::uint8_t {
  kBits,       ///< 0 or 1; element i is bit i % 8 (least significant first) of byte i / 8
  kBytes,      ///< uint8, read as the number itself (no scaling)
  kFloats,     ///< float32
  kUnitBytes,  ///< uint8, read as a 255th: 0 to 1
};

/// Shape and packing of one observation. Images are [channels, rows, columns].
struct TensorSpec {
  ElementKind kind = ElementKind::kFloats;
  std::vector<std::int64_t> shape;
  /// A of the environment when a mask of its legal actions follows each packed observation
  /// (action_mask.h), else 0.
  std::int32_t masked_actions = 0;
  /// How many contexts (tasks of one environment, as games) there are when a byte behind the
  /// elements and the mask says of which one the state is (context.h), else 0.
  std::int32_t contexts = 0;

  std::int64_t Elements() const;
  /// Bytes of the packed elements.
  std::int64_t ElementBytes() const;
  /// Bytes of the mask behind them, one bit an action.
  std::int64_t MaskBytes() const { return (masked_actions + 7) / 8; }
  /// Bytes of one packed observation: its elements, then its mask, then its context.
  std::int64_t PackedBytes() const { return ElementBytes() + MaskBytes() + (contexts > 0 ? 1 : 0); }
  /// "bits[4,10,10]", "bits[4,10,10] with a mask of 6 actions", "bits[4,10,10] of 5 contexts"
  std::string ToString() const;
  bool operator==(const TensorSpec&) const = default;

  void Encode(ByteWriter& out) const;
  static TensorSpec Decode(ByteReader& in);
};

/// Writes Elements() floats to `out` from PackedBytes() bytes at `packed`.
void Unpack(const TensorSpec& spec, const std::uint8_t* packed, float* out);

/// The facts of an environment that the rest of the system needs. Reported by a worker; the
/// store refuses experience of another spec.
struct EnvironmentSpec {
  std::string id;
  TensorSpec observation;
  std::int32_t num_actions = 0;
  std::vector<std::string> action_names;  ///< [A]
  /// [A]: the least action that always does the same (itself when there is none); agreement
  /// counts actions with one canonical action as equal.
  std::vector<std::int32_t> canonical_action;
  std::int32_t time_limit = 0;  ///< steps until truncation; 0 = none

  bool operator==(const EnvironmentSpec&) const = default;
  void Encode(ByteWriter& out) const;
  static EnvironmentSpec Decode(ByteReader& in);
};

}  // namespace stillhouse
