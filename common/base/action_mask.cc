#include "common/base/action_mask.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace stillhouse {

std::vector<std::uint8_t> LegalActions(const TensorSpec& spec,
                                       std::span<const std::uint8_t> packed) {
  if (spec.masked_actions == 0) return {};
  const auto row_bytes = static_cast<std::size_t>(spec.PackedBytes());
  const auto mask_at = static_cast<std::size_t>(spec.ElementBytes());
  const auto actions = static_cast<std::size_t>(spec.masked_actions);
  SH_CHECK(packed.size() % row_bytes == 0, "{} bytes in rows of {}", packed.size(), row_bytes);
  std::vector<std::uint8_t> legal;
  legal.reserve(packed.size() / row_bytes * actions);
  for (std::size_t row = 0; row < packed.size(); row += row_bytes) {
    const std::uint8_t* const mask = packed.data() + row + mask_at;
    const std::size_t begin = legal.size();
    for (std::size_t a = 0; a < actions; ++a) legal.push_back((mask[a / 8] >> (a % 8)) & 1);
    const auto flags = std::span(legal).subspan(begin);
    if (std::find(flags.begin(), flags.end(), 1) == flags.end()) {
      std::fill(flags.begin(), flags.end(), std::uint8_t{1});
    }
  }
  return legal;
}

void WriteActionMask(const TensorSpec& spec, std::span<const std::uint8_t> legal,
                     std::span<std::uint8_t> packed) {
  SH_CHECK(std::cmp_equal(legal.size(), spec.masked_actions) &&
               std::cmp_equal(packed.size(), spec.PackedBytes()),
           "{} flags and {} bytes for {}", legal.size(), packed.size(), spec.ToString());
  SH_CHECK(std::find(legal.begin(), legal.end(), 1) != legal.end(), "no action is legal");
  const auto mask = packed.subspan(static_cast<std::size_t>(spec.ElementBytes()),
                                   static_cast<std::size_t>(spec.MaskBytes()));
  std::fill(mask.begin(), mask.end(), std::uint8_t{0});
  for (std::size_t a = 0; a < legal.size(); ++a) {
    if (legal[a] != 0) mask[a / 8] = static_cast<std::uint8_t>(mask[a / 8] | 1U << (a % 8));
  }
}

std::size_t RandomAction(std::size_t num_actions, std::span<const std::uint8_t> legal, Rng& rng) {
  if (legal.empty()) return rng.Below(num_actions);
  auto left = rng.Below(static_cast<std::uint64_t>(std::count(legal.begin(), legal.end(), 1)));
  std::size_t action = 0;
  while (legal[action] == 0 || left-- > 0) ++action;
  return action;
}

}  // namespace stillhouse
