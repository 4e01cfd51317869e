#pragma once

#include <string>
#include <string_view>

#include "common/model/network_spec.h"

namespace stillhouse {

/// The C function that computes a kind of layer; empty: it needs none (flatten, view, ...).
/// `int8`: the one with "_int8" after its name, of weights int8_t with a scale an output channel.
std::string CLayerFunction(LayerKind kind, bool int8);

/// Of a dueling head, from the value and the advantages.
std::string_view CDuelingFunction();

/// The function of a kind that this one is computed with: a head's is the linear layer's.
LayerKind CFunctionKind(LayerKind kind);

}  // namespace stillhouse
