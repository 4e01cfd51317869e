// Model state:  "SHMS" u32, version u16 = 1, NetworkSpec (network_spec_codec.cc), optimizer u8,
// optimizer_steps u64, then six blocks (parameters, target, average, first, second, centre), each
// count u64 (0 or the network's parameter count; never 0 for parameters) and float32 values.
// docs/formats.md says it for readers.
#include "common/model/model_state.h"

#include <cmath>

#include "common/base/error.h"
#include "common/model/parameters.h"

namespace stillhouse {
namespace {

constexpr std::uint32_t kMagic = 0x534d4853;  // "SHMS"
constexpr std::uint16_t kVersion = 1;
/// Adam and RMSprop; a larger one is of a later program.
constexpr std::uint8_t kMostOptimizer = 15;

void PutBlock(ByteWriter& out, const std::vector<float>& block) {
  out.Put(static_cast<std::uint64_t>(block.size()));
  out.PutArray(std::span<const float>(block));
}

std::vector<float> GetBlock(ByteReader& in, const NetworkSpec& network, bool needed) {
  const auto expected = static_cast<std::uint64_t>(network.ParameterCount());
  const auto count = in.Get<std::uint64_t>();
  if (count != expected && (needed || count != 0)) {
    in.Fail(fmt::format("a block of {} values, the network has {}", count, expected));
  }
  return in.GetArray<float>(count);
}

}  // namespace

std::size_t ModelState::SizeHint() const {
  return 1024 + 4 * (parameters.size() + target.size() + average.size() + first.size() +
                     second.size() + centre.size());
}

void ModelState::Encode(ByteWriter& out) const {
  out.Put(kMagic);
  out.Put(kVersion);
  network.Encode(out);
  out.Put(optimizer);
  out.Put(optimizer_steps);
  for (const auto* block : {&parameters, &target, &average, &first, &second, &centre}) {
    PutBlock(out, *block);
  }
}

ModelState ModelState::Decode(ByteReader& in) {
  if (in.Get<std::uint32_t>() != kMagic) in.Fail("not a model's state");
  if (const auto version = in.Get<std::uint16_t>(); version != kVersion) {
    in.Fail(fmt::format("format version {}, this program reads {}", version, kVersion));
  }
  ModelState state{.network = NetworkSpec::Decode(in)};
  state.optimizer = in.Get<std::uint8_t>();
  if (state.optimizer > kMostOptimizer) in.Fail("unknown optimiser");
  state.optimizer_steps = in.Get<std::uint64_t>();
  state.parameters = GetBlock(in, state.network, true);
  for (auto* block : {&state.target, &state.average, &state.first, &state.second, &state.centre}) {
    *block = GetBlock(in, state.network, false);
  }
  return state;
}

void ExpectFinite(const ModelState& state, std::string_view what) {
  if (!AllFinite(state.parameters)) {
    throw NumericError(fmt::format(
        "{}: a parameter is infinite or not a number after {} optimiser steps; the last checkpoint "
        "before it stands",
        what, state.optimizer_steps));
  }
}

}  // namespace stillhouse
