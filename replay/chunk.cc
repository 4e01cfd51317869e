// An experience chunk, little-endian, read in place:
//
//   chunk   = header row [steps + 1] finals td_errors
//   header  = version u16 (1)  action_bytes u8 (1 when A <= 256, else 4)  reserved u8 (0)
//             items u32  steps u32  finals u32
//             incarnation u64  sequence u64  first_item u64  weights_version u64      48 bytes
//   row     = reward f32  flags u8 (bit 0 terminated, bit 1 truncated)  action u8 or i32
//             observation, packed: TensorSpec::PackedBytes() bytes, the state before the step
//   finals    = packed [finals]         last states of truncated, not terminated steps
//   td_errors = f32 [items]             last, because a store keeps them in its sum tree
//
// The last row has only its observation; its other fields are 0. Row by row, because a store
// gathers transitions from random places and pays for every cache line: rows t to t + n are one
// short run. 1 <= items <= steps <= items + n_step - 1. Nothing is padded, so fields may be
// unaligned. The checksum is the transport frame's. See docs/formats.md.

#include "replay/chunk.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "common/base/byte_io.h"
#include "common/base/error.h"

namespace stillhouse::replay {
namespace {

constexpr std::uint16_t kFormatVersion = 1;
constexpr std::size_t kHeaderBytes = 48;
constexpr std::size_t kFlagsInRow = 4;
constexpr std::size_t kActionInRow = 5;
constexpr std::int32_t kMostByteActions = 256;

template <typename T>
T Load(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

std::uint32_t ActionBytes(const EnvironmentSpec& spec) {
  return spec.num_actions <= kMostByteActions ? 1 : 4;
}

bool NeedsFinal(std::uint8_t flags) { return flags == kTruncated; }

float LoadReward(const std::uint8_t* row) { return Load<float>(row); }
std::uint8_t LoadFlags(const std::uint8_t* row) { return row[kFlagsInRow]; }
std::int32_t LoadAction(const std::uint8_t* row, const ChunkShape& shape) {
  return shape.action_bytes == 1 ? row[kActionInRow] : Load<std::int32_t>(row + kActionInRow);
}

/// Steps before `end` whose last states are kept.
std::uint32_t CountFinals(const std::uint8_t* bytes, const ChunkShape& shape, std::uint32_t end) {
  std::uint32_t count = 0;
  for (std::uint32_t t = 0; t < end; ++t) {
    count += NeedsFinal(LoadFlags(bytes + shape.RowAt(t))) ? 1 : 0;
  }
  return count;
}

bool AllFiniteAt(const std::uint8_t* at, std::size_t count) {
  bool finite = true;
  for (std::size_t i = 0; i < count; ++i) finite &= std::isfinite(Load<float>(at + i * 4));
  return finite;
}

[[noreturn]] void Refuse(std::uint64_t sequence, const std::string& why) {
  throw WireError(fmt::format("chunk {}: {}", sequence, why));
}

}  // namespace

std::size_t ChunkShape::RowAt(std::size_t row) const { return kHeaderBytes + row * RowBytes(); }
std::size_t ChunkShape::TdErrorsAt() const {
  return FinalsAt() + std::size_t{finals} * packed_bytes;
}
std::size_t ChunkShape::Bytes() const { return TdErrorsAt() + std::size_t{items} * 4; }

std::vector<std::uint8_t> ExperienceChunk::Encode(const EnvironmentSpec& spec) const {
  ChunkShape shape;
  shape.items = static_cast<std::uint32_t>(td_errors.size());
  shape.steps = static_cast<std::uint32_t>(actions.size());
  shape.finals = static_cast<std::uint32_t>(std::count_if(flags.begin(), flags.end(), NeedsFinal));
  shape.action_bytes = ActionBytes(spec);
  shape.packed_bytes = static_cast<std::uint32_t>(spec.observation.PackedBytes());
  const std::size_t steps = actions.size();
  SH_CHECK(steps >= td_errors.size() && steps <= kMaxChunkSteps && !td_errors.empty(),
           "{} steps, {} items", steps, td_errors.size());
  SH_CHECK(rewards.size() == steps && flags.size() == steps, "{} steps, {} rewards, {} flags",
           steps, rewards.size(), flags.size());
  SH_CHECK(observations.size() == (steps + 1) * shape.packed_bytes, "{} bytes for {} steps",
           observations.size(), steps);
  SH_CHECK(final_observations.size() == std::size_t{shape.finals} * shape.packed_bytes,
           "{} bytes for {} truncated steps", final_observations.size(), shape.finals);

  ByteWriter out(shape.Bytes());
  out.Put(kFormatVersion);
  out.Put(static_cast<std::uint8_t>(shape.action_bytes));
  out.Put(std::uint8_t{0});
  out.Put(shape.items);
  out.Put(shape.steps);
  out.Put(shape.finals);
  out.Put(incarnation);
  out.Put(sequence);
  out.Put(first_item);
  out.Put(weights_version);
  for (std::size_t t = 0; t <= steps; ++t) {
    const bool last = t == steps;
    out.Put(last ? 0.0F : rewards[t]);
    out.Put(last ? std::uint8_t{0} : flags[t]);
    const std::int32_t action = last ? 0 : actions[t];
    if (shape.action_bytes == 1) {
      out.Put(static_cast<std::uint8_t>(action));
    } else {
      out.Put(action);
    }
    out.PutBytes(std::span(observations).subspan(t * shape.packed_bytes, shape.packed_bytes));
  }
  out.PutBytes(final_observations);
  out.PutArray(std::span(td_errors));
  return out.Take();
}

TransitionView ReadTransition(const std::uint8_t* bytes, const ChunkShape& shape, std::uint32_t i,
                              std::uint32_t n_step, double gamma) {
  const std::size_t row_bytes = shape.RowBytes();
  const std::uint8_t* const row = bytes + shape.RowAt(i);
  const NStepReturn sum =
      ComputeNStep([&](std::size_t k) { return LoadReward(row + k * row_bytes); },
                   [&](std::size_t k) { return LoadFlags(row + k * row_bytes); }, shape.steps - i,
                   n_step, gamma);
  const std::uint8_t* const next = row + sum.length * row_bytes;
  TransitionView view;
  view.observation = row + shape.ScalarBytes();
  view.next_observation = next + shape.ScalarBytes();
  if (NeedsFinal(LoadFlags(next - row_bytes))) [[unlikely]] {
    const std::uint32_t before = CountFinals(bytes, shape, i + sum.length - 1);
    view.next_observation = bytes + shape.FinalsAt() + std::size_t{before} * shape.packed_bytes;
  }
  view.action = LoadAction(row, shape);
  view.reward = static_cast<float>(sum.ret);
  view.discount = static_cast<float>(sum.discount);
  return view;
}

ChunkView::ChunkView(std::span<const std::uint8_t> bytes, const EnvironmentSpec& spec,
                     std::uint32_t n_step)
    : bytes_(bytes) {
  ByteReader in(bytes, "chunk");
  const auto version = in.Get<std::uint16_t>();
  if (version != kFormatVersion) {
    in.Fail(fmt::format("format {}, this job reads {}", version, kFormatVersion));
  }
  shape_.action_bytes = in.Get<std::uint8_t>();
  const auto reserved = in.Get<std::uint8_t>();
  shape_.items = in.Get<std::uint32_t>();
  shape_.steps = in.Get<std::uint32_t>();
  shape_.finals = in.Get<std::uint32_t>();
  incarnation_ = in.Get<std::uint64_t>();
  sequence_ = in.Get<std::uint64_t>();
  first_item_ = in.Get<std::uint64_t>();
  weights_version_ = in.Get<std::uint64_t>();
  shape_.packed_bytes = static_cast<std::uint32_t>(spec.observation.PackedBytes());
  if (reserved != 0 || shape_.action_bytes != ActionBytes(spec)) {
    Refuse(sequence_, fmt::format("{} bytes an action, {} actions need {}", shape_.action_bytes,
                                  spec.num_actions, ActionBytes(spec)));
  }
  if (shape_.items < 1 || shape_.steps < shape_.items || shape_.steps > kMaxChunkSteps ||
      shape_.steps - shape_.items > n_step - 1 || shape_.finals > shape_.steps) {
    Refuse(sequence_, fmt::format("{} items, {} steps, {} final observations; n_step {}",
                                  shape_.items, shape_.steps, shape_.finals, n_step));
  }
  if (bytes.size() != shape_.Bytes()) {
    Refuse(sequence_,
           fmt::format("{} bytes, {} items of {} in {} steps make {}", bytes.size(), shape_.items,
                       spec.observation.ToString(), shape_.steps, shape_.Bytes()));
  }
  CheckContents(spec);
  CheckWindows(n_step);
}

void ChunkView::CheckContents(const EnvironmentSpec& spec) const {
  if (sequence_ == 0) Refuse(sequence_, "sequence numbers start at 1");
  for (std::uint32_t t = 0; t < shape_.steps; ++t) {
    if (Flags(t) > (kTerminated | kTruncated)) {
      Refuse(sequence_, fmt::format("step {}: flags {}", t, Flags(t)));
    }
    if (Action(t) < 0 || Action(t) >= spec.num_actions) {
      Refuse(sequence_, fmt::format("step {}: action {} of {}", t, Action(t), spec.num_actions));
    }
    if (!std::isfinite(Reward(t))) {
      Refuse(sequence_, fmt::format("step {}: reward {}", t, Reward(t)));
    }
  }
  const std::uint32_t finals = CountFinals(bytes_.data(), shape_, shape_.steps);
  if (finals != shape_.finals) {
    Refuse(sequence_,
           fmt::format("{} final observations, {} truncated steps", shape_.finals, finals));
  }
  for (std::uint32_t i = 0; i < shape_.items; ++i) {
    const float error = TdError(i);
    if (!std::isfinite(error) || error < 0) {
      Refuse(sequence_, fmt::format("item {}: |TD error| {}", i, error));
    }
  }
  if (spec.observation.kind != ElementKind::kFloats) return;
  bool finite = AllFiniteAt(bytes_.data() + shape_.FinalsAt(),
                            std::size_t{shape_.finals} * shape_.packed_bytes / sizeof(float));
  for (std::uint32_t row = 0; row <= shape_.steps; ++row) {
    finite &= AllFiniteAt(Observation(row), shape_.packed_bytes / sizeof(float));
  }
  if (!finite) Refuse(sequence_, "an observation is not finite");
}

void ChunkView::CheckWindows(std::uint32_t n_step) const {
  // When the last item's window is whole, so are the others: they end no later or in the same end.
  if (shape_.steps - shape_.items + 1 >= n_step) return;
  for (std::uint32_t t = shape_.items - 1; t < shape_.steps; ++t) {
    if (Flags(t) != 0) return;
  }
  Refuse(sequence_, fmt::format("item {} has {} of {} steps and no end of episode",
                                shape_.items - 1, shape_.steps - shape_.items + 1, n_step));
}

float ChunkView::Reward(std::uint32_t step) const {
  return LoadReward(bytes_.data() + shape_.RowAt(step));
}
std::uint8_t ChunkView::Flags(std::uint32_t step) const {
  return LoadFlags(bytes_.data() + shape_.RowAt(step));
}
std::int32_t ChunkView::Action(std::uint32_t step) const {
  return LoadAction(bytes_.data() + shape_.RowAt(step), shape_);
}
float ChunkView::TdError(std::uint32_t item) const {
  return Load<float>(bytes_.data() + shape_.TdErrorsAt() + std::size_t{item} * 4);
}
const std::uint8_t* ChunkView::Observation(std::uint32_t row) const {
  return bytes_.data() + shape_.ObservationAt(row);
}

}  // namespace stillhouse::replay
