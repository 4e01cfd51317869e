#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "common/config/field.h"
#include "common/config/run_config.h"

namespace stillhouse {

/// The layer that a key names, as an index into NetworkSpec::Layers(): its number there, or its
/// kind and which of them it is ("relu_2", "residual_1" for what a block hands on), or "auto", the
/// one before the head. Never the head. nullopt: there is no such layer.
std::optional<std::size_t> NamedLayer(const std::vector<LayerSpec>& layers,
                                      const std::string& name);

/// The student learns from the teacher's features at some time. With a weight of 0 it is trained
/// as if the key were not there.
bool LearnsFeatures(const StudentSettings& student);

/// What a layer hands on, as losses between features see it: [channels, positions].
struct LayerFeatures {
  std::size_t layer = 0;
  std::size_t channels = 0;
  std::size_t positions = 1;  ///< rows * columns; 1 for a vector
};
/// Of the layer that `name` names, which must exist.
LayerFeatures FeaturesOf(const NetworkSpec& network, const std::string& name);

/// The factors of kind autoencoder: as set, or half of the teacher's channels.
std::size_t FactorsOf(const FeatureSettings& settings, const LayerFeatures& teacher);

/// Parameters of the first `layers` layers, which come first in the flat block too.
std::size_t ParametersOfFirst(const NetworkSpec& network, std::size_t layers);

/// Reports what cannot be of every student's `features` and `shared_layers`, but for shapes.
void CheckFeatures(const RunConfig& config, const std::string& file, FieldContext& context);

/// Why the loss cannot stand between these layers; empty: it can.
std::string FeatureError(const FeatureSettings& settings, const NetworkSpec& teacher,
                         const NetworkSpec& student);

}  // namespace stillhouse
