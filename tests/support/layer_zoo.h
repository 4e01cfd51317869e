#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/model/network_spec.h"

namespace stillhouse::testing_support {

/// A small network for every kind of layer and option that there is, and some whole ones: what
/// every backend and exporter is held to.
struct ZooNetwork {
  std::string name;  ///< letters, digits and '_'
  NetworkSpec network;
};
std::vector<ZooNetwork> LayerZoo();

/// Parameters unlike the initial ones: norms scale, biases are not 0.
std::vector<float> ZooParameters(const NetworkSpec& network, Rng& rng);

/// `batch` unpacked observations [batch, elements] of the network's kind; of a network that begins
/// with an embedding tokens, padding and numbers that are no tokens.
std::vector<float> ZooObservations(const NetworkSpec& network, std::int64_t batch, Rng& rng);

/// [batch, A] of the native backend.
std::vector<float> NativeQValues(const NetworkSpec& network, const std::vector<float>& parameters,
                                 const std::vector<float>& observations);

/// Greatest |a - b|; infinity for a value that is not a number or another number of them.
double LargestDifference(const std::vector<float>& a, const std::vector<float>& b);
/// Greatest |a|, at least 1.
double Magnitude(const std::vector<float>& a);

}  // namespace stillhouse::testing_support
