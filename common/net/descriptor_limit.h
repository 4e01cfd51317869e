#pragma once

#include <cstddef>

namespace stillhouse {

/// Raises this process's limit of open descriptors to `wanted` where the system lets it (the usual
/// 1024 are fewer than a shard's connections). Returns the limit that holds then.
std::size_t AllowDescriptors(std::size_t wanted);

}  // namespace stillhouse
