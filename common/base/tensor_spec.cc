#include "common/base/tensor_spec.h"

#include <algorithm>

#include <fmt/ranges.h>

namespace stillhouse {
namespace {
constexpr std::int64_t kMaxElements = std::int64_t{1} << 24;
constexpr std::int32_t kMaxActions = 65536;
/// Set in the byte of the kind when a mask follows: what has none is written as it always was.
constexpr std::uint8_t kMasked = 0x80;
/// Likewise when a context follows.
constexpr std::uint8_t kOfContexts = 0x40;
constexpr std::int32_t kMaxContexts = 256;
}  // namespace

std::int64_t TensorSpec::Elements() const {
  std::int64_t elements = 1;
  for (const auto size : shape) elements *= size;
  return elements;
}

std::int64_t TensorSpec::ElementBytes() const {
  switch (kind) {
    case ElementKind::kBits:
      return (Elements() + 7) / 8;
    case ElementKind::kBytes:
    case ElementKind::kUnitBytes:
      return Elements();
    case ElementKind::kFloats:
      return Elements() * 4;
  }
  SH_CHECK(false, "unknown element kind");
}

std::string TensorSpec::ToString() const {
  static constexpr const char* kNames[] = {"bits", "bytes", "floats", "unit_bytes"};
  std::string text = fmt::format("{}[{}]", kNames[static_cast<int>(kind)], fmt::join(shape, ","));
  if (masked_actions > 0) text += fmt::format(" with a mask of {} actions", masked_actions);
  if (contexts > 0) text += fmt::format(" of {} contexts", contexts);
  return text;
}

void TensorSpec::Encode(ByteWriter& out) const {
  unsigned byte = static_cast<std::uint8_t>(kind);
  if (masked_actions > 0) byte |= kMasked;
  if (contexts > 0) byte |= kOfContexts;
  out.Put(static_cast<std::uint8_t>(byte));
  out.PutVector(shape);
  if (masked_actions > 0) out.Put(masked_actions);
  if (contexts > 0) out.Put(contexts);
}

TensorSpec TensorSpec::Decode(ByteReader& in) {
  TensorSpec spec;
  const auto byte = in.Get<std::uint8_t>();
  const auto kind = static_cast<std::uint8_t>(byte & ~(kMasked | kOfContexts));
  if (kind > static_cast<std::uint8_t>(ElementKind::kUnitBytes)) {
    in.Fail(fmt::format("element kind {} does not exist", kind));
  }
  spec.kind = static_cast<ElementKind>(kind);
  spec.shape = in.GetVector<std::int64_t>();
  std::int64_t elements = 1;
  for (const auto size : spec.shape) {
    if (size < 1 || size > kMaxElements || (elements *= size) > kMaxElements) {
      in.Fail("observation shape out of range");
    }
  }
  if ((byte & kMasked) != 0) {
    spec.masked_actions = in.Get<std::int32_t>();
    if (spec.masked_actions < 1 || spec.masked_actions > kMaxActions) {
      in.Fail(fmt::format("mask of {} actions, must be 1 to {}", spec.masked_actions, kMaxActions));
    }
  }
  if ((byte & kOfContexts) != 0) {
    spec.contexts = in.Get<std::int32_t>();
    if (spec.contexts < 1 || spec.contexts > kMaxContexts) {
      in.Fail(fmt::format("{} contexts, must be 1 to {}", spec.contexts, kMaxContexts));
    }
  }
  return spec;
}

void Unpack(const TensorSpec& spec, const std::uint8_t* packed, float* out) {
  const std::int64_t n = spec.Elements();
  switch (spec.kind) {
    case ElementKind::kBits:
      for (std::int64_t i = 0; i < n; ++i) {
        out[i] = static_cast<float>((packed[i >> 3] >> (i & 7)) & 1);
      }
      return;
    case ElementKind::kBytes:
      for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(packed[i]);
      return;
    case ElementKind::kUnitBytes:
      for (std::int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(packed[i]) / 255.0F;
      return;
    case ElementKind::kFloats:
      std::memcpy(out, packed, static_cast<std::size_t>(n) * sizeof(float));
      return;
  }
}

void EnvironmentSpec::Encode(ByteWriter& out) const {
  out.PutString(id);
  observation.Encode(out);
  out.Put(num_actions);
  out.Put(static_cast<std::uint32_t>(action_names.size()));
  for (const auto& name : action_names) out.PutString(name);
  out.PutVector(canonical_action);
  out.Put(time_limit);
}

EnvironmentSpec EnvironmentSpec::Decode(ByteReader& in) {
  EnvironmentSpec spec;
  spec.id = in.GetString();
  spec.observation = TensorSpec::Decode(in);
  spec.num_actions = in.Get<std::int32_t>();
  const auto names = in.Get<std::uint32_t>();
  if (spec.num_actions < 1 || spec.num_actions > kMaxActions ||
      names != static_cast<std::uint32_t>(spec.num_actions)) {
    in.Fail("number of actions out of range");
  }
  const std::int32_t masked = spec.observation.masked_actions;
  if (masked != 0 && masked != spec.num_actions) {
    in.Fail(fmt::format("mask of {} actions of {}", masked, spec.num_actions));
  }
  for (std::uint32_t i = 0; i < names; ++i) spec.action_names.push_back(in.GetString());
  spec.canonical_action = in.GetVector<std::int32_t>();
  const bool fits = spec.canonical_action.size() == names &&
                    std::all_of(spec.canonical_action.begin(), spec.canonical_action.end(),
                                [&](auto a) { return a >= 0 && a < spec.num_actions; });
  if (!fits) in.Fail("canonical actions do not fit the actions");
  spec.time_limit = in.Get<std::int32_t>();
  return spec;
}

}  // namespace stillhouse
