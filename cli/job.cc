#include "cli/job.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include <fmt/ranges.h>

#include "actors/env/environment_factory.h"
#include "actors/environment_options.h"
#include "common/config/config_check.h"
#include "common/config/config_print.h"
#include "common/config/model_graph.h"
#include "common/model/native_network.h"
#include "common/model/parameters.h"

namespace stillhouse::cli {
namespace {

std::uint16_t Count(const RoleLayout& layout, RoleKind kind) {
  return static_cast<std::uint16_t>(layout.Count(kind));
}

bool LearnsFromRewards(const RunConfig& config) {
  return std::any_of(config.students.begin(), config.students.end(),
                     [](const auto& student) { return student.rewards.has_value(); });
}

}  // namespace

std::uint16_t Job::Shards() const { return Count(layout, RoleKind::kShard); }
std::uint16_t Job::Learners() const { return Count(layout, RoleKind::kLearner); }
std::uint16_t Job::StudentHosts() const { return Count(layout, RoleKind::kStudentHost); }
std::uint16_t Job::ActorHosts() const { return Count(layout, RoleKind::kActorHost); }

Job MakeJob(RunConfig config, const std::vector<HostFacts>& hosts, std::string token,
            const std::vector<std::string>& roles) {
  Job job;
  job.environment = actors::MakeEnvironment(config.env.id, actors::OptionsOf(config.env))->Spec();
  if (const auto errors = CheckNetworks(config, job.environment); !errors.empty()) {
    throw ConfigError(fmt::format("{}", fmt::join(errors, "\n")));
  }
  const RoleWishes wishes = roles.empty() ? RoleWishes(hosts.size()) : ParseWishes(roles);
  job.layout = MakeRoleLayout(config, wishes, TotalCores(hosts));
  job.shard_endpoints = ShardEndpoints(config.actors.listen, job.layout, hosts);
  // Workers place themselves on the exploration ladder by it: they need the number, not `auto`.
  config.actors.workers = job.layout.Workers();
  job.tolerance = ResolveTolerance(config, job.layout.Workers());
  job.model_names.emplace_back("teacher");
  job.networks.push_back(NetworkSpec::Create(config.teacher.network, job.environment.observation,
                                             job.environment.num_actions));
  for (const auto& student : config.students) {
    job.model_names.push_back(student.name);
    job.networks.push_back(NetworkSpec::Create(student.network, job.environment.observation,
                                               job.environment.num_actions));
  }
  // The token travels apart: the configuration is handed to workers and written to disk.
  config.run.token.clear();
  job.config_yaml = PrintConfig(config);
  job.config = std::move(config);
  job.token = std::move(token);
  return job;
}

replay::ShardSettings Job::ShardSettingsOf(std::uint16_t shard) const {
  replay::ShardSettings settings;
  settings.index = shard;
  settings.shards = Shards();
  settings.config = config;
  settings.config_yaml = config_yaml;
  settings.environment = environment;
  settings.token = token;
  settings.models = static_cast<std::uint16_t>(networks.size());
  settings.fresh = store.fresh;
  settings.first_handle = store.inserted / Shards() + (shard < store.inserted % Shards() ? 1 : 0);
  const auto part = store.shard_parts.find(shard);
  if (part != store.shard_parts.end() && !part->second.empty()) {
    settings.resume = replay::ShardState::Decode(part->second);
    settings.first_handle = settings.resume->head;
  } else if (shard < store.heads.size()) {
    settings.first_handle = store.heads[shard];
  }
  // What a deterministic run begins with is not what came after its checkpoint.
  const bool begins_with_it = LearnsFromStored(config) && !settings.resume;
  if (config.run.deterministic && !begins_with_it) {
    settings.cut_at = settings.first_handle;
    const auto tails = kept_tails.find(shard);
    if (tails != kept_tails.end()) settings.kept_tails = tails->second;
  }
  return settings;
}

learner::LearnerRole::Settings Job::LearnerSettings() const {
  learner::LearnerRole::Settings settings;
  settings.learners = Learners();
  settings.shards = Shards();
  settings.student_hosts = StudentHosts();
  settings.num_actions = environment.num_actions;
  settings.teacher = config.teacher;
  settings.replay = config.replay;
  settings.seed = config.run.seed;
  settings.resuming = resuming;
  settings.label_truths = IsSupervised(config);
  settings.label_rewards = LearnsFromRewards(config);
  for (std::uint16_t host = 0; host < StudentHosts(); ++host) {
    const auto hosted = StudentsOf(host);
    const bool copy = std::any_of(hosted.begin(), hosted.end(), [&](std::size_t student) {
      return NeedsTeachersCopy(config.students[student]);
    });
    if (copy) settings.copies_to.push_back(host);
  }
  settings.keep_best =
      config.teacher.final == FinalTeacher::kBest ||
      std::any_of(config.students.begin(), config.students.end(),
                  [](const auto& student) { return student.label_source == LabelChoice::kBest; });
  return settings;
}

learner::FollowerRole::Settings Job::FollowerSettings(std::uint16_t index) const {
  learner::FollowerRole::Settings settings;
  settings.index = index;
  settings.learners = Learners();
  settings.shards = Shards();
  settings.teacher = config.teacher;
  settings.replay = config.replay;
  settings.seed = config.run.seed;
  settings.resuming = resuming;
  return settings;
}

actors::ActorHostSettings Job::ActorHostSettingsOf(std::uint16_t host) const {
  const auto& workers = layout.workers_of_actor_host;
  actors::ActorHostSettings settings;
  settings.index = host;
  settings.first_worker = static_cast<std::uint32_t>(
      std::accumulate(workers.begin(), workers.begin() + host, std::int32_t{0}));
  settings.workers = static_cast<std::uint32_t>(workers.at(host));
  settings.workers_of_job = static_cast<std::uint32_t>(layout.Workers());
  settings.shards_per_worker = static_cast<std::uint32_t>(config.actors.shards_per_worker);
  settings.hang_limit = FromSeconds(config.actors.hang_after.value);
  return settings;
}

std::vector<std::size_t> Job::StudentsOf(std::uint16_t host) const {
  const auto& students = layout.students_of_host.at(host);
  return {students.begin(), students.end()};
}

learner::StudentRole::Settings Job::StudentSettingsOf(std::uint16_t host) const {
  learner::StudentRole::Settings settings;
  settings.index = host;
  settings.shards = Shards();
  settings.resuming = resuming;
  std::int32_t publish_every = 0;
  for (const std::size_t student : StudentsOf(host)) {
    settings.models.push_back(static_cast<std::uint16_t>(student + 1));
    const std::int32_t wanted = config.students[student].publish_every;
    publish_every = publish_every == 0 ? wanted : std::min(publish_every, wanted);
    const StudentSettings& model = config.students[student];
    settings.needs.push_back({LearnsFromTeacher(model), model.label_source, model.max_label_age,
                              model.on_stale, model.labels, model.when});
  }
  settings.publish_every = publish_every;
  return settings;
}

LabelRows Job::Rows() const {
  const bool next = std::any_of(config.students.begin(), config.students.end(),
                                [](const auto& s) { return s.rows == LabelRows::kSAndNext; });
  if (LearnsFromRewards(config)) return LabelRows::kSAndNext;  // TD needs s'
  return next ? LabelRows::kSAndNext : LabelRows::kS;
}

Coordinator::Settings Job::CoordinatorSettings(const std::vector<double>& latency_us,
                                               double start_unix_s) const {
  Coordinator::Settings settings;
  settings.config = config;
  settings.learners = Learners();
  settings.shards = Shards();
  settings.student_hosts = StudentHosts();
  settings.actor_hosts = ActorHosts();
  settings.host_of_student.resize(config.students.size());
  for (std::uint16_t host = 0; host < settings.student_hosts; ++host) {
    for (const std::size_t student : StudentsOf(host)) settings.host_of_student[student] = host;
  }
  for (std::size_t i = 0; i < networks.size(); ++i) {
    settings.models.push_back({model_names[i],
                               i == 0 ? ModelScore::Kind::kTeacher : ModelScore::Kind::kStudent,
                               networks[i].ParameterCount(), networks[i].Macs(), latency_us[i]});
  }
  settings.tolerance = tolerance;
  settings.token = token;
  settings.start_unix_s = start_unix_s;
  settings.attempt = attempt;
  settings.resume = resume;
  settings.at_seam = at_seam;
  return settings;
}

double MeasureLatency(const NetworkSpec& network, std::uint64_t seed) {
  constexpr int kRepeats = 200;
  NativeNetwork native(network);
  Rng rng = MakeRng(seed, RngPurpose::kInitialParameters);
  native.SetParameters(InitialParameters(network, rng));
  // About one bit in ten set: what the games' observations look like.
  std::vector<std::uint8_t> observation(
      static_cast<std::size_t>(network.Observation().PackedBytes()), 0);
  if (network.Observation().kind == ElementKind::kBits) {
    for (std::int64_t i = 0; i < network.Observation().Elements(); ++i) {
      if (rng.Below(10) == 0) {
        observation[static_cast<std::size_t>(i / 8)] |= static_cast<std::uint8_t>(1U << (i % 8));
      }
    }
  }
  std::vector<float> q(static_cast<std::size_t>(network.NumActions()));
  std::vector<double> times;
  for (int i = 0; i < kRepeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    native.Forward(observation, 1, q);
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    times.push_back(took.count());
  }
  std::nth_element(times.begin(), times.begin() + kRepeats / 2, times.end());
  return times[kRepeats / 2];
}

}  // namespace stillhouse::cli
