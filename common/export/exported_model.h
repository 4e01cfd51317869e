#pragma once

#include <span>
#include <string>

#include "common/model/network_spec.h"
#include "common/model/quantized_parameters.h"

namespace stillhouse {

/// What an exporter writes. Borrows everything but its name.
struct ExportedModel {
  std::string name;  ///< of the file and of what it defines
  const NetworkSpec& network;
  std::span<const float> parameters;          ///< canonical order, all finite
  const QuantizedParameters* int8 = nullptr;  ///< instead of `parameters`, where there are some
  std::string version;                        ///< of this program
};

}  // namespace stillhouse
