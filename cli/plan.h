#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

namespace stillhouse::cli {

struct PlanOptions {
  std::string config_path;
  std::vector<std::string> overrides;  ///< "key.path=value"
  std::int32_t ranks = 1;
  std::int32_t cores = 0;  ///< of all hosts together; 0: this machine's, times the hosts
  std::string hosts;       ///< an mpirun hostfile; empty: all ranks on this machine
};

/// `stillhouse plan`: checks the configuration, the networks and the layout, then prints the
/// resolved file and, as YAML comments below it, which rank plays which role, parameters and MACs
/// of every model, memory of every rank and bytes/s on every link. The output is itself a valid
/// configuration; `run.token` is left out. Returns 0; throws ConfigError when the job would not
/// start.
int RunPlan(const PlanOptions& options, std::ostream& out);

}  // namespace stillhouse::cli
