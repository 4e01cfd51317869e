#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/artefact_check.h"
#include "common/base/tensor_spec.h"
#include "common/config/run_config.h"
#include "common/model/network_spec.h"
#include "common/run/paired_returns.h"

namespace stillhouse::cli {

/// One file, or a source with its header, that runs without us.
struct Artefact {
  std::string format;  ///< onnx | c | native
  bool int8 = false;
  std::vector<std::string> files;     ///< in the card's folder; the first one is the model
  std::vector<std::int64_t> bytes;    ///< [files]
  std::vector<std::uint32_t> crc32c;  ///< [files]
  std::int64_t scratch_bytes = 0;     ///< c: memory that the caller lends
  /// Against what the network computes with the parameters as the artefact stores them.
  std::optional<Equality> equality;
  std::string not_run;               ///< why there is no equality
  std::optional<double> latency_us;  ///< c: one forward pass, this host
};

/// What int8 weights cost.
struct Int8Loss {
  std::int64_t float_bytes = 0, bytes = 0;  ///< of the parameters
  Equality q;                               ///< against the float32 weights
  std::uint32_t episodes = 0;
  double float_return = 0, int8_return = 0, random_return = 0;  ///< means
  PairedReturns returns;  ///< int8 less float32, on the same seeds
  /// Shares of (float32 - random) that are lost, and the upper end of its 95 % interval; nullopt
  /// where float32 returns no more than random play.
  std::optional<double> loss, loss_upper95;
};

/// Everything that whoever runs the model elsewhere should know of it.
struct ModelCard {
  std::string version;  ///< of this program
  std::string name;
  bool teacher = false;
  std::vector<SourceSettings> sources;  ///< that a student learnt from
  const NetworkSpec& network;
  double latency_us = 0;  ///< native backend, batch 1, this host
  std::string run;        ///< its name
  std::uint64_t run_seed = 0;
  std::uint64_t updates = 0;  ///< of the teacher, where the file says so
  EnvironmentSettings settings;
  EnvironmentSpec environment;
  nlohmann::ordered_json scores;  ///< the model's row of scoreboard.json, or null
  std::uint64_t seed = 0;         ///< of the observations and episodes
  std::vector<Artefact> artefacts;
  std::optional<Int8Loss> int8;
};

/// card.json; docs/export.md has its fields.
nlohmann::ordered_json CardJson(const ModelCard& card);

/// card.md
std::string CardMarkdown(const ModelCard& card);

}  // namespace stillhouse::cli
