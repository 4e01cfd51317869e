// Coordinator part:  "SHCP" u32, version u16 = 4, updates, samples, frames, inserted, episodes u64,
// attempt u32, elapsed, frozen_at, tail_spent in ns i64, last evaluation, last checkpoint f64,
// scores length u32 and bytes (score_keeper.cc), states visited length u32 and bytes
// (distinct_sketch.h).
#include "common/run/coordinator_state.h"

#include "common/base/byte_io.h"
#include "common/base/distinct_sketch.h"

namespace stillhouse {
namespace {
constexpr std::uint32_t kMagic = 0x50434853;  // "SHCP"
constexpr std::uint16_t kVersion = 4;
}  // namespace

std::vector<std::uint8_t> CoordinatorState::Encode() const {
  ByteWriter out(128 + scores.size() + visited.size());
  out.Put(kMagic);
  out.Put(kVersion);
  for (const auto count : {updates, samples, frames, inserted, episodes}) out.Put(count);
  out.Put(attempt);
  for (const auto time : {elapsed, frozen_at, tail_spent}) {
    out.Put(static_cast<std::int64_t>(time.count()));
  }
  out.Put(last_evaluation);
  out.Put(last_checkpoint);
  out.PutVector(scores);
  out.PutVector(visited);
  return out.Take();
}

CoordinatorState CoordinatorState::Decode(std::span<const std::uint8_t> bytes) {
  ByteReader in(bytes, "coordinator's part of a checkpoint");
  if (in.Get<std::uint32_t>() != kMagic) in.Fail("not such a part");
  const auto version = in.Get<std::uint16_t>();
  if (version != kVersion) {
    in.Fail(fmt::format("format version {}, this program reads {}", version, kVersion));
  }
  CoordinatorState state;
  for (auto* count :
       {&state.updates, &state.samples, &state.frames, &state.inserted, &state.episodes}) {
    *count = in.Get<std::uint64_t>();
  }
  state.attempt = in.Get<std::uint32_t>();
  for (auto* time : {&state.elapsed, &state.frozen_at, &state.tail_spent}) {
    *time = Time(in.Get<std::int64_t>());
    if (*time < Time{}) in.Fail("a negative time");
  }
  state.last_evaluation = in.Get<double>();
  state.last_checkpoint = in.Get<double>();
  state.scores = in.GetVector<std::uint8_t>();
  state.visited = in.GetVector<std::uint8_t>();
  if (!state.visited.empty() && state.visited.size() != DistinctSketch::kRegisters) {
    in.Fail("a sketch of another size");
  }
  in.ExpectEnd();
  return state;
}

}  // namespace stillhouse
