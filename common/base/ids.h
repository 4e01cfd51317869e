#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace stillhouse {

/// A number with a meaning of its own, so that two kinds cannot be swapped by accident.
template <typename Tag, typename T = std::uint64_t>
class StrongId {
 public:
  using Value = T;
  constexpr StrongId() = default;
  constexpr explicit StrongId(T value) : value_(value) {}
  constexpr T Get() const { return value_; }
  friend constexpr auto operator<=>(const StrongId&, const StrongId&) = default;

 private:
  T value_{};
};

/// A worker process's random id, new at each start.
using Incarnation = StrongId<struct IncarnationTag>;
/// A transport's connection; numbered by the transport and never used twice.
using ConnectionId = StrongId<struct ConnectionIdTag>;
/// Number of a replay shard, 0-based.
using ShardId = StrongId<struct ShardIdTag, std::uint32_t>;
/// Number of an evaluation (model, pinned version, seeds).
using EvaluationId = StrongId<struct EvaluationIdTag, std::uint32_t>;

}  // namespace stillhouse

template <typename Tag, typename T>
struct std::hash<stillhouse::StrongId<Tag, T>> {
  std::size_t operator()(const stillhouse::StrongId<Tag, T>& id) const noexcept {
    return std::hash<T>{}(id.Get());
  }
};
