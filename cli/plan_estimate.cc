#include "cli/plan_estimate.h"

#include <algorithm>

#include <fmt/format.h>

namespace stillhouse::cli {
namespace {

// Measured on one core with AVX-512: a small double-DQN update in LibTorch
// costs some 0.4 ms besides its arithmetic, which runs at some 30 GMAC/s.
constexpr double kUpdateOverheadSeconds = 0.4e-3;
constexpr double kMacsPerSecond = 30e9;
/// Passes of a double-DQN update in forward passes: online on s and s', target on s', and a
/// backward pass that costs two.
constexpr double kPassesPerUpdate = 5;
/// A stored transition besides its observation: action, reward, discount, flags and its places in
/// the sum tree and the tables of the shard.
constexpr double kItemBytes = 64;
/// A sampled transition on the wire besides its two observations (messages/sampling.h).
constexpr double kSampledItemBytes = 28;
constexpr double kRequestedItemBytes = 8;
constexpr double kPriorityBytes = 12;
/// Action, reward, flags and Q-derived priority of a step in a chunk.
constexpr double kStepBytes = 13;

double ObservationBytes(const PlanFacts& facts) {
  return static_cast<double>(facts.environment.observation.PackedBytes());
}

/// Observations stored for each step: a chunk carries n_step more than it has steps.
double ObservationsPerStep(const PlanFacts& facts) {
  return 1 + static_cast<double>(facts.config.replay.n_step) / facts.config.actors.chunk_steps;
}

double ParameterBytes(const PlannedModel& model) {
  return 4.0 * static_cast<double>(model.network.ParameterCount());
}

double AllParameterBytes(const PlanFacts& facts) {
  double bytes = 0;
  for (const PlannedModel& model : facts.models) bytes += ParameterBytes(model);
  return bytes;
}

/// Float activations and their gradients of `rows` observations.
double ActivationBytes(const PlannedModel& model, double rows) {
  auto values = static_cast<double>(model.network.Observation().Elements());
  for (const auto& shape : model.network.Shapes()) {
    double size = 1;
    for (const auto dim : shape) size *= static_cast<double>(dim);
    values += size;
  }
  return 8 * rows * values;
}

double BatchBytes(const PlanFacts& facts) {
  return facts.config.teacher.batch_size * (2 * ObservationBytes(facts) + kSampledItemBytes);
}

/// Rows that a labelled batch carries for a host's students.
double LabelRowsOf(const PlanFacts& facts) {
  const auto& students = facts.config.students;
  const bool both = std::any_of(students.begin(), students.end(), [](const auto& student) {
    return student.rows == LabelRows::kSAndNext;
  });
  return facts.config.teacher.batch_size * (both ? 2.0 : 1.0);
}

double LearnerBytes(const PlanFacts& facts) {
  const PlannedModel& teacher = facts.models.front();
  // Online, target, average, gradient, and two moments of the optimizer.
  return 6 * ParameterBytes(teacher) + facts.config.teacher.prefetch * BatchBytes(facts) +
         3 * ActivationBytes(teacher, facts.config.teacher.batch_size);
}

double StudentHostBytes(const PlanFacts& facts, std::int32_t host) {
  double bytes = 0;
  for (const std::int32_t s : facts.layout.students_of_host[static_cast<std::size_t>(host)]) {
    const PlannedModel& student = facts.models[static_cast<std::size_t>(s) + 1];
    bytes += 4 * ParameterBytes(student) + ActivationBytes(student, LabelRowsOf(facts));
  }
  return bytes;
}

double ShardBytes(const PlanFacts& facts) {
  const double items =
      static_cast<double>(facts.config.replay.capacity) / facts.config.replay.shards;
  // Every model's newest weights, and the version that an evaluation pins.
  return items * (ObservationBytes(facts) * ObservationsPerStep(facts) + kItemBytes) +
         2 * AllParameterBytes(facts);
}

}  // namespace

PlanRates EstimateRates(const PlanFacts& facts) {
  const double batch = facts.config.teacher.batch_size;
  const auto macs = static_cast<double>(facts.models.front().network.Macs());
  PlanRates rates;
  rates.updates_per_s =
      1 / (kUpdateOverheadSeconds + kPassesPerUpdate * batch * macs / kMacsPerSecond);
  rates.samples_per_s = rates.updates_per_s * batch;
  rates.frames_per_s = rates.samples_per_s / facts.config.replay.samples_per_insert;
  return rates;
}

std::vector<PlanLink> EstimateLinks(const PlanFacts& facts, const PlanRates& rates) {
  const double observation = ObservationBytes(facts);
  const double shards = facts.config.replay.shards;
  const double publications = rates.updates_per_s / facts.config.teacher.publish_every;
  const double teacher_bytes = ParameterBytes(facts.models.front());
  const double step = observation * ObservationsPerStep(facts) + kStepBytes;
  std::vector<PlanLink> links = {
      {"experience: workers -> shards", rates.frames_per_s * step,
       fmt::format("{:.1f} B a step, not compressed", step)},
      {"sample requests: learner -> shards", rates.samples_per_s * kRequestedItemBytes, ""},
      {"samples: shards -> learner", rates.samples_per_s * (2 * observation + kSampledItemBytes),
       fmt::format("{:.0f} B a transition", 2 * observation + kSampledItemBytes)},
      {"priorities: learner -> shards", rates.samples_per_s * kPriorityBytes, ""},
  };
  if (facts.config.replay.durability != Durability::kNone) {
    links.push_back({"experience: shards -> disk", rates.frames_per_s * step,
                     fmt::format("up to {:.0f} MB in all ({})", EstimateDiskBytes(facts) / 1e6,
                                 facts.config.replay.dir == "auto" ? "the run directory"
                                                                   : facts.config.replay.dir)});
  }
  for (std::size_t host = 0; host < facts.layout.students_of_host.size(); ++host) {
    const double row = observation + 4.0 * facts.environment.num_actions;
    const double batch = LabelRowsOf(facts) * row + 4.0 * facts.config.teacher.batch_size;
    links.push_back({fmt::format("labels: learner -> student host {}", host),
                     rates.updates_per_s * batch, fmt::format("{:.0f} B a batch", batch)});
  }
  double student_weights = 0;
  for (std::size_t s = 0; s < facts.config.students.size(); ++s) {
    student_weights += ParameterBytes(facts.models[s + 1]) * rates.updates_per_s /
                       facts.config.students[s].publish_every;
  }
  links.push_back({"weights: learner -> shards", publications * teacher_bytes * shards,
                   fmt::format("{:.1f} versions/s", publications)});
  if (!facts.config.students.empty()) {
    links.push_back({"weights: student hosts -> shards", student_weights * shards, ""});
  }
  links.push_back({"weights: shards -> workers",
                   publications * teacher_bytes * facts.layout.Workers(),
                   "every worker pulls every version of the teacher"});
  return links;
}

double EstimateDiskBytes(const PlanFacts& facts) {
  if (facts.config.replay.durability == Durability::kNone) return 0;
  const auto items = static_cast<double>(facts.config.replay.capacity);
  const double step = ObservationBytes(facts) * ObservationsPerStep(facts) + kStepBytes;
  // The store, two of its sixteenths that wait to be removed, and files of priorities.
  const double snapshots = facts.config.checkpoint.keep + 1.0;
  return items * (step * (1 + 2.0 / 16) + snapshots * sizeof(double));
}

double EstimateWorkerBytes(const PlanFacts& facts) {
  const double filling = static_cast<double>(facts.config.actors.envs_per_worker) *
                         facts.config.actors.chunk_steps * (ObservationBytes(facts) + kStepBytes);
  return kPlainProcessBytes + AllParameterBytes(facts) + 2 * filling;
}

double EstimateRankBytes(const PlanFacts& facts, std::int32_t rank) {
  const RoleLayout& layout = facts.layout;
  const bool torch =
      layout.Plays(rank, RoleKind::kLearner) || layout.Plays(rank, RoleKind::kStudentHost);
  double bytes = torch ? kTorchProcessBytes : kPlainProcessBytes;
  for (const RoleAddress& role : layout.ranks[static_cast<std::size_t>(rank)]) {
    if (role.kind == RoleKind::kLearner) bytes += LearnerBytes(facts);
    if (role.kind == RoleKind::kStudentHost) bytes += StudentHostBytes(facts, role.index);
    if (role.kind == RoleKind::kShard) bytes += ShardBytes(facts);
    if (role.kind == RoleKind::kActorHost) {
      bytes += EstimateWorkerBytes(facts) *
               layout.workers_of_actor_host[static_cast<std::size_t>(role.index)];
    }
  }
  return bytes;
}

}  // namespace stillhouse::cli
