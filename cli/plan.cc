#include "cli/plan.h"

#include <algorithm>
#include <ostream>
#include <set>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/env/environment_factory.h"
#include "actors/environment_options.h"
#include "cli/host_file.h"
#include "cli/list.h"
#include "cli/plan_estimate.h"
#include "common/base/error.h"
#include "common/config/config_check.h"
#include "common/config/config_print.h"
#include "common/config/model_graph.h"

namespace stillhouse::cli {
namespace {

std::string Bytes(double bytes) {
  const char* const units[] = {"B", "KB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(units); ++unit) bytes /= 1000;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

EnvironmentSpec SpecOf(const RunConfig& config) {
  return actors::MakeEnvironment(config.env.id, actors::OptionsOf(config.env))->Spec();
}

std::vector<PlannedModel> Models(const RunConfig& config, const EnvironmentSpec& environment,
                                 const std::string& path) {
  std::vector<std::string> errors = CheckNetworks(config, environment);
  for (std::string& error : errors) error = path + ": " + error;
  if (!errors.empty()) throw ConfigError(fmt::format("{}", fmt::join(errors, "\n")));
  const auto spec = [&](const std::vector<LayerSpec>& layers) {
    return NetworkSpec::Create(layers, environment.observation, environment.num_actions);
  };
  std::vector<PlannedModel> models = {{"teacher", spec(config.teacher.network)}};
  for (const auto& student : config.students) {
    models.push_back({student.name, spec(student.network)});
  }
  return models;
}

std::string RoleText(const PlanFacts& facts, const RoleAddress& role) {
  const auto index = static_cast<std::size_t>(role.index);
  switch (role.kind) {
    case RoleKind::kCoordinator:
      return "coordinator";
    case RoleKind::kLearner:
      return fmt::format("learner {} (teacher)", index);
    case RoleKind::kStudentHost: {
      std::vector<std::string> names;
      for (const std::int32_t s : facts.layout.students_of_host[index]) {
        names.push_back(facts.config.students[static_cast<std::size_t>(s)].name);
      }
      return fmt::format("student host {} ({})", index, fmt::join(names, ", "));
    }
    case RoleKind::kShard:
      return fmt::format("shard {}", index);
    case RoleKind::kActorHost: {
      const std::int32_t workers = facts.layout.workers_of_actor_host[index];
      return fmt::format("actor host {} ({} worker{})", index, workers, workers == 1 ? "" : "s");
    }
  }
  SH_CHECK(false, "unknown role {}", static_cast<int>(role.kind));
}

/// `hosts`: of every rank.
void PrintRanks(const PlanFacts& facts, const std::vector<std::string>& hosts, std::ostream& out) {
  std::size_t width = 10;
  for (const auto& host : hosts) width = std::max(width, host.size());
  out << fmt::format("#\n# rank  {:<{}} memory     roles\n", "host", width);
  for (std::size_t rank = 0; rank < facts.layout.ranks.size(); ++rank) {
    std::vector<std::string> roles;
    for (const RoleAddress& role : facts.layout.ranks[rank]) roles.push_back(RoleText(facts, role));
    out << fmt::format("# {:<5} {:<{}} {:<10} {}\n", rank, hosts[rank], width,
                       Bytes(EstimateRankBytes(facts, static_cast<std::int32_t>(rank))),
                       fmt::join(roles, ", "));
  }
  out << fmt::format(
      "# Memory is an estimate: {} for a process with LibTorch, {} without; parameters with\n"
      "# their copies (target, average, gradient, moments), activations and batches fetched "
      "ahead;\n"
      "# full shards of uncompressed observations; {} for each worker.\n",
      Bytes(kTorchProcessBytes), Bytes(kPlainProcessBytes), Bytes(EstimateWorkerBytes(facts)));
}

void PrintModels(const PlanFacts& facts, std::ostream& out) {
  std::size_t width = 5;
  for (const PlannedModel& model : facts.models) width = std::max(width, model.name.size());
  const auto teacher = static_cast<double>(facts.models.front().network.ParameterCount());
  out << fmt::format("#\n# {:<{}}  parameters  of teacher  MACs        network\n", "model", width);
  for (const PlannedModel& model : facts.models) {
    const auto parameters = model.network.ParameterCount();
    out << fmt::format("# {:<{}}  {:<10}  {:>8.1f} %  {:<10}  {}\n", model.name, width, parameters,
                       100 * static_cast<double>(parameters) / teacher, model.network.Macs(),
                       model.network.ToString());
  }
}

void PrintGraph(const RunConfig& config, std::ostream& out) {
  out << "#\n# Who learns from whom (students that label for each other share a host):\n";
  std::istringstream lines(ModelGraph::Of(config).Draw());
  for (std::string line; std::getline(lines, line);) out << "#   " << line << "\n";
}

void PrintLinks(const PlanFacts& facts, std::ostream& out) {
  const PlanRates rates = EstimateRates(facts);
  out << fmt::format(
      "#\n# Expected at {:.0f} updates/s (an estimate for a learner with a core of its own), "
      "which\n"
      "# samples_per_insert {} and batches of {} turn into {:.0f} samples/s and {:.0f} frames/s:\n",
      rates.updates_per_s, facts.config.replay.samples_per_insert, facts.config.teacher.batch_size,
      rates.samples_per_s, rates.frames_per_s);
  for (const PlanLink& link : EstimateLinks(facts, rates)) {
    out << fmt::format("# {:<37} {:>10}/s{}{}\n", link.name, Bytes(link.bytes_per_s),
                       link.how.empty() ? "" : "  ", link.how);
  }
}

}  // namespace

int RunPlan(const PlanOptions& options, std::ostream& out) {
  RunConfig config = LoadConfig(options.config_path, {options.overrides, EnvironmentChoices()});
  const EnvironmentSpec environment = SpecOf(config);
  const std::vector<PlannedModel> models = Models(config, environment, options.config_path);
  const std::vector<std::string> hosts =
      options.hosts.empty() ? std::vector<std::string>(
                                  static_cast<std::size_t>(std::max(1, options.ranks)), "localhost")
                            : HostsOfRanks(options.hosts, options.ranks);
  // Other hosts are taken to be like this one.
  const auto cores_of_host =
      std::max(1, static_cast<std::int32_t>(std::thread::hardware_concurrency()));
  const std::int32_t cores =
      options.cores > 0
          ? options.cores
          : cores_of_host *
                static_cast<std::int32_t>(std::set<std::string>(hosts.begin(), hosts.end()).size());
  const RoleLayout layout = MakeRoleLayout(config, options.ranks, cores);
  const PlanFacts facts{config, environment, layout, models};

  const bool has_token = !config.run.token.empty();
  config.run.token.clear();  // a secret does not belong on a screen
  out << PrintConfig(config);
  if (has_token) out << "# run.token is set and not shown.\n";
  out << fmt::format("#\n# {} rank{}, {} cores. {}: observation {}, {} actions\n", options.ranks,
                     options.ranks == 1 ? "" : "s", cores, environment.id,
                     environment.observation.ToString(), environment.num_actions);
  PrintRanks(facts, hosts, out);
  PrintModels(facts, out);
  PrintGraph(config, out);
  PrintLinks(facts, out);
  out << fmt::format("#\n# replay.tolerance: {} samples, {}\n",
                     ResolveTolerance(config, layout.Workers()),
                     config.replay.tolerance == 0 ? "auto" : "explicit");
  return 0;
}

}  // namespace stillhouse::cli
