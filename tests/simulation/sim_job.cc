#include "tests/simulation/sim_job.h"

#include <string>
#include <utility>
#include <vector>

#include "actors/env/environment_factory.h"
#include "common/config/config_check.h"
#include "common/config/config_print.h"

namespace stillhouse::simulation {
namespace {

std::vector<LayerSpec> Head() { return {{.kind = LayerKind::kQHead}}; }

StudentSettings Student(const std::string& name, std::int32_t publish_every, LabelRows rows) {
  StudentSettings student;
  student.name = name;
  student.network = Head();
  student.publish_every = publish_every;
  student.rows = rows;
  return student;
}

/// As cli::MakeJob, on hosts that do not exist.
cli::Job JobOf(RunConfig config) {
  // Rank 0, two student hosts, shards, actor hosts.
  const std::int32_t ranks = 1 + 2 + config.replay.shards + config.actors.hosts;
  cli::Job job;
  job.environment = actors::MakeEnvironment(config.env.id, {})->Spec();
  job.layout = MakeRoleLayout(config, ranks, ranks);
  job.tolerance = ResolveTolerance(config, job.layout.Workers());
  job.model_names = {"teacher"};
  const auto network = [&job](const std::vector<LayerSpec>& layers) {
    return NetworkSpec::Create(layers, job.environment.observation, job.environment.num_actions);
  };
  job.networks = {network(config.teacher.network)};
  for (const auto& student : config.students) {
    job.model_names.push_back(student.name);
    job.networks.push_back(network(student.network));
  }
  job.config_yaml = PrintConfig(config);
  job.config = std::move(config);
  job.token = "a token";
  return job;
}

}  // namespace

cli::Job DrawJob(World& world) {
  Rng& rng = world.rng;
  const auto from = [&rng](std::int64_t least, std::uint64_t choices) {
    return least + static_cast<std::int64_t>(rng.Below(choices));
  };
  RunConfig config;
  config.run.seed = rng.Below(1U << 30U);
  config.env.id = "classic/cart_pole";
  config.actors.hosts = static_cast<std::int32_t>(from(1, 2));
  config.actors.workers = static_cast<std::int32_t>(from(3, 2));
  config.actors.envs_per_worker = static_cast<std::int32_t>(from(1, 3));
  config.actors.chunk_steps = static_cast<std::int32_t>(from(2, 5));
  config.replay.shards = static_cast<std::int32_t>(from(2, 2));
  config.replay.capacity = rng.Below(2) == 0 ? 100000 : from(300, 200);
  config.replay.min_size = from(30, 40);
  config.replay.samples_per_insert = static_cast<double>(from(1, 4));
  config.replay.n_step = static_cast<std::int32_t>(from(1, 3));
  config.teacher.network = Head();
  config.teacher.batch_size = static_cast<std::int32_t>(from(4, 5));
  config.teacher.publish_every = static_cast<std::int32_t>(from(3, 8));
  config.teacher.prefetch = static_cast<std::int32_t>(from(1, 4));
  const LabelRows rows = rng.Below(2) == 0 ? LabelRows::kS : LabelRows::kSAndNext;
  config.students.push_back(Student("small", 5, rows));
  config.students.push_back(Student("tiny", 7, rows));
  if (rng.Below(2) == 0) config.students.push_back(Student("third", 4, LabelRows::kS));
  config.evaluation.every = {0.2 + 0.4 * rng.Uniform(), Duration::Unit::kSeconds};
  config.evaluation.episodes = 3;
  config.evaluation.final_episodes = 7;
  config.evaluation.max_steps = 9;
  config.checkpoint.every = {0.1 + 0.2 * rng.Uniform(), Duration::Unit::kSeconds};
  config.stop.frames = from(350, 300);
  config.stop.distill_tail = rng.Below(4) == 0 ? 0.0 : 0.2;
  config.monitor.log_every = {0.5, Duration::Unit::kSeconds};
  return JobOf(std::move(config));
}

}  // namespace stillhouse::simulation
