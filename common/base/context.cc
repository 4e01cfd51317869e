#include "common/base/context.h"

#include <utility>

#include "common/base/error.h"

namespace stillhouse {

std::vector<std::uint8_t> ContextsOf(const TensorSpec& spec, std::span<const std::uint8_t> packed) {
  if (spec.contexts == 0) return {};
  const auto row_bytes = static_cast<std::size_t>(spec.PackedBytes());
  SH_CHECK(packed.size() % row_bytes == 0, "{} bytes in rows of {}", packed.size(), row_bytes);
  std::vector<std::uint8_t> contexts;
  contexts.reserve(packed.size() / row_bytes);
  for (std::size_t end = row_bytes; end <= packed.size(); end += row_bytes) {
    contexts.push_back(packed[end - 1]);
  }
  return contexts;
}

void WriteContext(const TensorSpec& spec, std::uint8_t context, std::span<std::uint8_t> packed) {
  SH_CHECK(
      std::cmp_less(context, spec.contexts) && std::cmp_equal(packed.size(), spec.PackedBytes()),
      "context {} and {} bytes for {}", context, packed.size(), spec.ToString());
  packed.back() = context;
}

}  // namespace stillhouse
