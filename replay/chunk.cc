// An experience chunk, little-endian, read in place:
//
//   chunk   = header rewards flags actions observations finals td_errors
//   header  = version u16 (1)  action_bytes u8 (1 when A <= 256, else 4)  reserved u8 (0)
//             items u32  steps u32  finals u32
//             incarnation u64  sequence u64  first_item u64  weights_version u64      48 bytes
//   rewards      = f32 [steps]
//   flags        = u8 [steps]              bit 0 terminated, bit 1 truncated
//   actions      = u8 or i32 [steps]
//   observations = packed [steps + 1]      TensorSpec::PackedBytes() bytes each
//   finals       = packed [finals]         last states of truncated, not terminated steps
//   td_errors    = f32 [items]             last, because a store keeps them in its sum tree
//
// 1 <= items <= steps <= items + n_step - 1. Arrays follow each other without padding, so all but
// the rewards may be unaligned. The checksum is the transport frame's. See docs/formats.md.

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

std::uint32_t CountFinals(const std::uint8_t* flags, std::size_t steps) {
  return static_cast<std::uint32_t>(std::count_if(flags, flags + steps, NeedsFinal));
}

std::int32_t LoadAction(const std::uint8_t* bytes, const ChunkShape& shape, std::uint32_t step) {
  const std::uint8_t* actions = bytes + shape.ActionsAt();
  return shape.action_bytes == 1 ? actions[step]
                                 : Load<std::int32_t>(actions + std::size_t{step} * 4);
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

std::size_t ChunkShape::RewardsAt() const { return kHeaderBytes; }
std::size_t ChunkShape::FlagsAt() const { return kHeaderBytes + std::size_t{steps} * 4; }
std::size_t ChunkShape::ActionsAt() const { return FlagsAt() + steps; }
std::size_t ChunkShape::ObservationsAt() const {
  return ActionsAt() + std::size_t{steps} * action_bytes;
}
std::size_t ChunkShape::FinalsAt() const {
  return ObservationsAt() + (std::size_t{steps} + 1) * packed_bytes;
}
std::size_t ChunkShape::TdErrorsAt() const {
  return FinalsAt() + std::size_t{finals} * packed_bytes;
}
std::size_t ChunkShape::Bytes() const { return TdErrorsAt() + std::size_t{items} * 4; }

std::vector<std::uint8_t> ExperienceChunk::Encode(const EnvironmentSpec& spec) const {
  ChunkShape shape;
  shape.items = static_cast<std::uint32_t>(td_errors.size());
  shape.steps = static_cast<std::uint32_t>(actions.size());
  shape.finals = CountFinals(flags.data(), flags.size());
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
  out.PutArray(std::span(rewards));
  out.PutArray(std::span(flags));
  if (shape.action_bytes == 1) {
    for (const std::int32_t action : actions) out.Put(static_cast<std::uint8_t>(action));
  } else {
    out.PutArray(std::span(actions));
  }
  out.PutBytes(observations);
  out.PutBytes(final_observations);
  out.PutArray(std::span(td_errors));
  return out.Take();
}

TransitionView ReadTransition(const std::uint8_t* bytes, const ChunkShape& shape, std::uint32_t i,
                              std::uint32_t n_step, double gamma) {
  const std::uint8_t* rewards = bytes + shape.RewardsAt() + std::size_t{i} * 4;
  const std::uint8_t* flags = bytes + shape.FlagsAt();
  const NStepReturn sum =
      ComputeNStep([&](std::size_t k) { return Load<float>(rewards + k * 4); },
                   [&](std::size_t k) { return flags[i + k]; }, shape.steps - i, n_step, gamma);
  const std::uint32_t end = i + sum.length;
  const std::uint8_t* observations = bytes + shape.ObservationsAt();
  TransitionView view;
  view.observation = observations + std::size_t{i} * shape.packed_bytes;
  view.next_observation = observations + std::size_t{end} * shape.packed_bytes;
  if (NeedsFinal(flags[end - 1])) [[unlikely]] {
    view.next_observation =
        bytes + shape.FinalsAt() + std::size_t{CountFinals(flags, end - 1)} * shape.packed_bytes;
  }
  view.action = LoadAction(bytes, shape, i);
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
  const std::uint8_t* flags = bytes_.data() + shape_.FlagsAt();
  for (std::uint32_t t = 0; t < shape_.steps; ++t) {
    if (flags[t] > (kTerminated | kTruncated)) {
      Refuse(sequence_, fmt::format("step {}: flags {}", t, flags[t]));
    }
    const std::int32_t action = Action(t);
    if (action < 0 || action >= spec.num_actions) {
      Refuse(sequence_, fmt::format("step {}: action {} of {}", t, action, spec.num_actions));
    }
  }
  const std::uint32_t finals = CountFinals(flags, shape_.steps);
  if (finals != shape_.finals) {
    Refuse(sequence_,
           fmt::format("{} final observations, {} truncated steps", shape_.finals, finals));
  }
  if (!AllFiniteAt(bytes_.data() + shape_.RewardsAt(), shape_.steps)) {
    Refuse(sequence_, "a reward is not finite");
  }
  for (std::uint32_t i = 0; i < shape_.items; ++i) {
    const float error = TdError(i);
    if (!std::isfinite(error) || error < 0) {
      Refuse(sequence_, fmt::format("item {}: |TD error| {}", i, error));
    }
  }
  const std::size_t floats = (shape_.TdErrorsAt() - shape_.ObservationsAt()) / 4;
  if (spec.observation.kind == ElementKind::kFloats &&
      !AllFiniteAt(bytes_.data() + shape_.ObservationsAt(), floats)) {
    Refuse(sequence_, "an observation is not finite");
  }
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
  return Load<float>(bytes_.data() + shape_.RewardsAt() + std::size_t{step} * 4);
}
std::uint8_t ChunkView::Flags(std::uint32_t step) const { return bytes_[shape_.FlagsAt() + step]; }
std::int32_t ChunkView::Action(std::uint32_t step) const {
  return LoadAction(bytes_.data(), shape_, step);
}
float ChunkView::TdError(std::uint32_t item) const {
  return Load<float>(bytes_.data() + shape_.TdErrorsAt() + std::size_t{item} * 4);
}
const std::uint8_t* ChunkView::Observation(std::uint32_t row) const {
  return bytes_.data() + shape_.ObservationsAt() + std::size_t{row} * shape_.packed_bytes;
}

}  // namespace stillhouse::replay
