#pragma once

#include <string>
#include <vector>

#include "common/base/byte_io.h"

namespace stillhouse {

/// What one update changed in a student, layer by layer, and which part of its loss asked for it.
struct LayerChanges {
  /// One source of labels, "rewards", "truth" or "features".
  struct Part {
    std::string name;
    std::vector<float> norm{};    ///< [layers] of the gradient of this part alone, with its weight
    std::vector<float> cosine{};  ///< of minus that gradient with the change; 0 where one is 0
  };
  std::vector<std::string> layers{};  ///< those with parameters: "0", "3", "head"
  std::vector<float> change{};        ///< [layers] norm of what the update added to the weights
  std::vector<Part> parts{};

  bool Empty() const { return layers.empty(); }
  std::size_t SizeHint() const { return 16 + (layers.size() + 1) * (16 + 24 * parts.size()); }
  void Encode(ByteWriter& out) const;
  static LayerChanges Decode(ByteReader& in);
};

}  // namespace stillhouse
