#include "tests/simulation/sim_job.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "actors/env/environment_factory.h"
#include "common/config/config_check.h"
#include "common/config/config_load.h"

namespace stillhouse::simulation {
namespace {

std::string AutoOr(std::uint32_t number) { return number == 0 ? "auto" : std::to_string(number); }

/// The file of a job as somebody might have written it: workers get it too, and read it.
std::string DrawFile(Rng& rng) {
  const auto from = [&rng](std::uint64_t least, std::uint64_t choices) {
    return least + rng.Below(choices);
  };
  const auto either = [&rng](const char* one, const char* other) {
    return rng.Below(2) == 0 ? one : other;
  };
  const std::uint64_t seed = rng.Below(1U << 30U);
  std::string text = fmt::format("run: {{seed: {}}}\nenv: {{id: classic/cart_pole}}\n", seed);
  // Streams of their own: the jobs of known seeds stay what they were otherwise.
  Rng of_actors(seed, 2);
  text += fmt::format(
      "actors: {{hosts: {}, workers: {}, envs_per_worker: {}, chunk_steps: {}, "
      "shards_per_worker: {}}}\n",
      from(1, 2), from(3, 2), from(1, 3), from(2, 5),
      AutoOr(of_actors.Below(3) == 0 ? 1 + static_cast<std::uint32_t>(of_actors.Below(2)) : 0));
  const std::uint64_t capacity = rng.Below(2) == 0 ? 4000 : from(300, 200);
  constexpr const char* kDurability[] = {"none", "async", "sync"};
  text += fmt::format(
      "replay: {{shards: {}, capacity: {}, min_size: {}, samples_per_insert: {}, n_step: {}, "
      "durability: {}}}\n",
      from(2, 2), capacity, from(30, 40), from(1, 4), from(1, 3), kDurability[rng.Below(3)]);
  Rng of_graph(capacity);
  Rng of_learners(seed, 1);
  const std::uint64_t prefetch = from(1, 4);
  const std::uint64_t teachers_publish_every = from(3, 8);
  const std::uint64_t batch = from(4, 5);
  const int learners = batch % 2 == 0 && of_learners.Below(3) == 0 ? 2 : 1;
  text += fmt::format(
      "teacher: {{network: {{layers: [q_head]}}, batch_size: {}, learners: {}, publish_every: {}, "
      "prefetch: {}}}\n",
      batch, learners, teachers_publish_every, prefetch);
  text += "students:\n";
  const char* const rows = either("s", "s_and_next");
  const auto student = [&text](const char* name, int publish_every, const char* its_rows,
                               const std::string& more) {
    text += fmt::format("  {}: {{network: {{layers: [q_head]}}, publish_every: {}, rows: {}{}}}\n",
                        name, publish_every, its_rows, more.empty() ? more : ", " + more);
  };
  student("small", 5, rows, of_graph.Below(2) == 0 ? "max_label_age: 2" : "");
  student("tiny", 7, rows, of_graph.Below(3) == 0 ? "from: [], rewards: true" : "");
  if (rng.Below(2) == 0) {
    constexpr const char* kThird[] = {"", "from: [tiny]", "from: {tiny: 1, teacher: 3}",
                                      "rewards: true"};
    student("third", 4, "s", kThird[of_graph.Below(4)]);
  }
  text += fmt::format("evaluation: {{every: {}ms, episodes: 3, final_episodes: 7, max_steps: 9}}\n",
                      from(200, 400));
  text += fmt::format("checkpoint: {{every: {}ms}}\n", from(100, 200));
  text += fmt::format("stop: {{frames: {}, distill_tail: {}}}\n", from(350, 300),
                      rng.Below(4) == 0 ? "0" : "0.2");
  return text + "monitor: {log_every: 500ms}\n";
}

/// As cli::MakeJob, on hosts that do not exist.
cli::Job JobOf(std::string text) {
  RunConfig config = LoadConfigText(text, "the simulated job");
  // Learners, two student hosts, shards, actor hosts.
  const std::int32_t ranks =
      config.teacher.learners + 2 + config.replay.shards + config.actors.hosts;
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
  job.config_yaml = std::move(text);
  job.config = std::move(config);
  job.token = "a token";
  return job;
}

}  // namespace

cli::Job DrawJob(World& world) { return JobOf(DrawFile(world.rng)); }

cli::Job ScaleJob(const JobScale& scale) {
  return JobOf(fmt::format(R"(run: {{seed: 1}}
env: {{id: classic/cart_pole}}
actors: {{hosts: {}, workers: {}, envs_per_worker: 1, chunk_steps: {}, shards_per_worker: {}}}
replay: {{shards: {}, capacity: 1000000, min_size: 1000, samples_per_insert: 8, durability: none}}
teacher: {{network: {{layers: [q_head]}}, batch_size: {}, publish_every: {}, prefetch: 4}}
students:
  small: {{network: {{layers: [q_head]}}, publish_every: {}}}
  tiny: {{network: {{layers: [q_head]}}, publish_every: {}}}
evaluation: {{every: 1h, episodes: 2, final_episodes: 2, max_steps: 9}}
checkpoint: {{every: off}}
stop: {{frames: 1000000000}}
)",
                           scale.actor_hosts, scale.workers, kScaleChunkSteps,
                           AutoOr(scale.shards_per_worker), scale.shards, kScaleBatch,
                           kScalePublishEvery, kScalePublishEvery, kScalePublishEvery));
}

}  // namespace stillhouse::simulation
