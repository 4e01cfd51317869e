#pragma once

#include <cstdint>
#include <vector>

#include "common/base/byte_io.h"
#include "common/model/network_spec.h"

namespace stillhouse {

/// Everything that a network in training is, so that learning goes on exactly where it stood: what
/// a checkpoint keeps of a model. All blocks are in the canonical order of NetworkSpec::Tensors(),
/// whatever order the backend works in; an empty block is one that the model does not have.
/// A value; model_state.cc opens with the format.
struct ModelState {
  NetworkSpec network;
  std::uint8_t optimizer = 0;         ///< OptimizerSettings::Kind
  std::uint64_t optimizer_steps = 0;  ///< for the bias correction of Adam
  std::vector<float> parameters = {};
  std::vector<float> target = {};   ///< target network
  std::vector<float> average = {};  ///< Polyak average, not corrected for its start at 0
  std::vector<float> first = {};    ///< Adam's first moment, RMSprop's momentum
  std::vector<float> second = {};   ///< second moment
  std::vector<float> centre = {};   ///< centred RMSprop's mean gradient

  /// Bytes that Encode appends, about.
  std::size_t SizeHint() const;
  void Encode(ByteWriter& out) const;
  /// Throws WireError on anything that is not a state of a possible network.
  static ModelState Decode(ByteReader& in);
};

/// Throws NumericError, naming `what`, when a parameter is infinite or not a number: such a model
/// must never replace a good one on disk.
void ExpectFinite(const ModelState& state, std::string_view what);

}  // namespace stillhouse
