#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/disagreements.h"
#include "cli/tree_student.h"
#include "common/run/evaluation_statistics.h"
#include "common/run/fidelity.h"
#include "common/run/paired_returns.h"

namespace stillhouse::cli {

/// What `stillhouse eval` found out about one model.
struct EvaluatedModel {
  std::string label;
  std::uint64_t updates = 0;  ///< of the checkpoint; 0: not known
  std::string network;
  std::int64_t parameters = 0;
  std::int64_t macs = 0;
  double latency_us = 0;  ///< batch 1, this host
  ReturnStatistics returns;
  Interval range;            ///< lowest and highest return
  double steps_mean = 0;     ///< of an episode
  std::uint64_t cut = 0;     ///< episodes that max_steps ended
  double retention = 0;      ///< against the first model
  PairedReturns paired;      ///< the same
  Fidelity on_first_states;  ///< of the first model's episodes
  Fidelity on_own_states;
  std::optional<Disagreements> disagreements;  ///< with the first model
};

struct EvaluationReport {
  std::string environment;
  std::uint32_t episodes = 0;
  std::uint64_t seed = 0;
  double epsilon = 0;
  std::uint32_t max_steps = 0;
  ReturnStatistics random;
  std::vector<EvaluatedModel> models;  ///< the first one is the reference of the others
  std::vector<std::string> action_names{};
  std::optional<TreeStudent> tree{};  ///< of the first model
};

/// One JSON object and a newline; docs/evaluation.md has its fields.
void PrintEvaluationJson(const EvaluationReport& report, std::ostream& out);

/// For people.
void PrintEvaluation(const EvaluationReport& report, std::ostream& out);

}  // namespace stillhouse::cli
