#include "tests/simulation/cluster.h"

#include <algorithm>
#include <chrono>

#include "common/messages/checkpoint.h"
#include "common/messages/labels.h"

namespace stillhouse::simulation {
namespace {
using namespace std::chrono_literals;
constexpr Time kRankReportEvery = 1s;
// What jobs of the compute threads take.
constexpr Time kShortestUpdate = 2ms;
constexpr Time kLongestUpdate = 6ms;
constexpr Time kCostOfOtherJob = 1ms;
/// Short segments, so that a short run has several.
constexpr std::uint64_t kSegmentItems = 24;
/// Ranks start, and begin to count time, within so much of one another.
constexpr Time kLatestStart = 3s;

std::vector<NetworkSpec> NetworksOf(const cli::Job& job, std::uint16_t host) {
  std::vector<NetworkSpec> networks;
  for (const auto student : job.StudentsOf(host)) networks.push_back(job.networks[student + 1]);
  return networks;
}

}  // namespace

Cluster::Cluster(const cli::Job& job, World& world, Disk& disk, Ledgers& ledgers, PlantedBug bug)
    : job_(job),
      world_(world),
      born_(world.Now()),
      clocks_(job.layout.ranks.size()),
      tampering_(bug),
      messages_(
          world, tampering_, [this](const Envelope& envelope) { OnSending(envelope); },
          [this](Envelope envelope) { Deliver(std::move(envelope)); }),
      wires_(world, *this),
      disk_(disk),
      items_(ledgers.items),
      priorities_(ledgers.priorities),
      rate_watch_(world, job.config.replay, job.tolerance, job.resume),
      teacher_watch_(world),
      credit_watch_(world),
      evaluation_(
          world, job.config.run.seed, static_cast<std::uint32_t>(job.config.evaluation.episodes),
          static_cast<std::uint32_t>(job.config.evaluation.final_episodes), job.model_names),
      processes_(world, wires_, *this),
      recorder_(world, disk, evaluation_, [this](std::uint32_t rank) { OnContinueRank(rank); }),
      coordinator_(job.CoordinatorSettings(std::vector<double>(job.networks.size(), 1.0), 0),
                   recorder_),
      teacher_(job.networks.front(), job.Rows()),
      teacher_port_(world, TeacherHooks({RoleKind::kLearner, 0}, teacher_,
                                        [this](learner::TeacherOutcome outcome) {
                                          learner_.OnDone(std::move(outcome),
                                                          NowOf(learner_.Address()), messages_);
                                        })),
      learner_(job.LearnerSettings(), teacher_port_) {
  for (Time& ahead : clocks_) ahead = world.Between({}, kLatestStart);
  Add(coordinator_);
  Add(learner_);
  for (std::uint16_t i = 1; i < job.Learners(); ++i) MakeFollower(i);
  students_.resize(job.StudentHosts());
  for (std::uint16_t host = 0; host < job.StudentHosts(); ++host) MakeStudentHost(host);
  for (std::uint16_t shard = 0; shard < job.Shards(); ++shard) {
    MakeShard(shard, ledgers, bug);
  }
  reported_.resize(shards_.size());
  std::uint64_t held = 0;
  for (const auto& shard : shards_) held += shard->Store().Size();
  const bool durable = job.config.replay.durability != Durability::kNone;
  if (durable) rate_watch_.OnRecovered(held, Inserted());
  MakeActorHosts(bug);
  for (std::size_t rank = 0; rank < job.layout.ranks.size(); ++rank) PlanRankReport(rank);
}

// Plans of this life name what is about to go.
Cluster::~Cluster() { world_.events.Clear(); }

TimedTeacher::Hooks Cluster::TeacherHooks(RoleAddress role, CountingTeacher& teacher,
                                          std::function<void(learner::TeacherOutcome)> deliver) {
  const auto learns = [](const learner::TeacherJob& job) {
    return job.kind == learner::TeacherJob::Kind::kUpdate ||
           job.kind == learner::TeacherJob::Kind::kGradient;
  };
  TimedTeacher::Hooks hooks;
  hooks.perform = [&teacher](learner::TeacherJob job) {
    return learner::Perform(teacher, std::move(job));
  };
  hooks.deliver = std::move(deliver);
  hooks.cost = [this, learns](const learner::TeacherJob& job) {
    return learns(job) ? world_.Between(kShortestUpdate, kLongestUpdate) : kCostOfOtherJob;
  };
  hooks.hold = [this, learns, role](const learner::TeacherJob& job) {
    return nodes_.at(role).stopped || (learns(job) && tampering_.HoldsTeacher());
  };
  return hooks;
}

void Cluster::MakeFollower(std::uint16_t index) {
  followers_.push_back(std::make_unique<Follower>(job_.networks.front(), job_.Rows()));
  Follower& made = *followers_.back();
  const auto deliver = [this, &made](learner::TeacherOutcome outcome) {
    made.role->OnDone(std::move(outcome), NowOf(made.role->Address()), messages_);
  };
  made.port = std::make_unique<TimedTeacher>(
      world_, TeacherHooks({RoleKind::kLearner, index}, made.compute, deliver));
  made.role = std::make_unique<learner::FollowerRole>(job_.FollowerSettings(index), *made.port);
  Add(*made.role);
}

void Cluster::MakeStudentHost(std::uint16_t host) {
  StudentHost& made = students_[host];
  const auto networks = NetworksOf(job_, host);
  made.compute = std::make_unique<CountingStudents>(networks);
  TimedStudents::Hooks hooks;
  hooks.perform = [compute = made.compute.get(), count = networks.size()](learner::StudentJob job) {
    return learner::Perform(*compute, count, std::move(job));
  };
  hooks.deliver = [this, host](learner::StudentOutcome outcome) {
    auto& role = *students_[host].role;
    role.OnDone(std::move(outcome), NowOf(role.Address()), messages_);
  };
  hooks.cost = [this](const learner::StudentJob&) {
    return world_.Between(kCostOfOtherJob, kLongestUpdate);
  };
  hooks.hold = [this, host](const learner::StudentJob&) {
    const Node& node = nodes_.at({RoleKind::kStudentHost, host});
    return node.stopped || node.dead;
  };
  made.port = std::make_unique<TimedStudents>(world_, std::move(hooks));
  made.role = std::make_unique<learner::StudentRole>(job_.StudentSettingsOf(host), *made.port);
  Add(*made.role);
}

void Cluster::MakeShard(std::uint16_t shard, Ledgers& ledgers, PlantedBug bug) {
  SimShard::Parts parts{world_,  wires_,  processes_, ledgers.items, ledgers.priorities,
                        nullptr, nullptr, nullptr};
  const RoleAddress role{RoleKind::kShard, shard};
  parts.awake = [this, role] {
    const Node& node = nodes_.at(role);
    return !node.stopped && !node.dead && !node.failed;
  };
  const Durability durability = job_.config.replay.durability;
  if (durability != Durability::kNone) {
    parts.folder = disk_.folders.at(shard).get();
    parts.device = MakeSimDevice(bug, world_, *parts.folder, durability == Durability::kSync,
                                 [this, shard] { shards_[shard]->OnProgress(); });
  }
  replay::ShardSettings settings = job_.ShardSettingsOf(shard);
  settings.segment_items = kSegmentItems;
  shards_.push_back(MakeSimShard(bug, std::move(parts), std::move(settings)));
  Add(*shards_.back());
}

std::uint64_t Cluster::Inserted() const {
  std::uint64_t inserted = 0;
  for (std::size_t shard = 0; shard < shards_.size(); ++shard) {
    const std::uint64_t here = shards_[shard]->Store().Inserted();
    // What a dead shard had stored and nobody has heard of has never been.
    const bool dead = nodes_.at(shards_[shard]->Address()).dead;
    inserted += dead ? std::min(here, reported_[shard]) : here;
  }
  return inserted;
}

void Cluster::MakeActorHosts(PlantedBug bug) {
  for (std::uint16_t host = 0; host < job_.ActorHosts(); ++host) {
    Actors made;
    made.launcher = MakeLauncher(bug, processes_);
    made.role = std::make_unique<actors::ActorHost>(job_.ActorHostSettingsOf(host), *made.launcher);
    Add(*made.role);
    actors_.push_back(std::move(made));
  }
}

void Cluster::Add(Role& role) {
  Node& node = nodes_[role.Address()];
  node.role = &role;
  node.rank =
      static_cast<std::size_t>(job_.layout.RankOf(role.Address().kind, role.Address().index));
  PlanTick(role.Address());
}

void Cluster::PlanTick(RoleAddress role) {
  world_.events.After(world_.Between(3ms, 9ms), [this, role] {
    Node& node = nodes_.at(role);
    if (!node.stopped && !node.dead && !node.failed) {
      try {
        node.role->Tick(NowOf(node), messages_);
      } catch (const Error& error) {
        OnFailure(node, error);
      }
    }
    PlanTick(role);
  });
}

// What cli/rank_runtime.cc tells of its process.
void Cluster::PlanRankReport(std::size_t rank) {
  const RoleAddress first = job_.layout.ranks[rank].front();
  if (!nodes_.at(first).stopped && !nodes_.at(first).dead) {
    RankReport report;
    report.rank = static_cast<std::uint32_t>(rank);
    report.roles = RoleName(first.kind);
    report.host = "simulated";
    report.pid = rank + 1;
    SendTo(messages_, first, kCoordinatorAddress, report);
  }
  world_.events.After(kRankReportEvery, [this, rank] { PlanRankReport(rank); });
}

void Cluster::Deliver(Envelope envelope) {
  Node& node = nodes_.at(envelope.to);
  if (node.dead) return world_.coverage.Hit(Fault::kShardKilled, envelope.kind);
  if (node.stopped) {
    world_.coverage.Hit(Fault::kStopped, envelope.kind);
    node.held.emplace_back([this, &node, held = std::move(envelope)] { Dispatch(node, held); });
    return;
  }
  Dispatch(node, envelope);
}

void Cluster::Dispatch(Node& node, const Envelope& envelope) {
  world_.coverage.Delivered(envelope.kind, envelope.body.size());
  if (std::exchange(node.leapt, false)) world_.coverage.Hit(Fault::kClockLeapt, envelope.kind);
  OnArrival(envelope);
  if (node.failed) {
    if (envelope.kind == MessageKind::kLeave) {
      SendTo(messages_, envelope.to, envelope.from, Left{});
    }
    return;
  }
  try {
    node.role->Handle(envelope, NowOf(node), messages_);
  } catch (const Error& error) {
    OnFailure(node, error);
  }
}

void Cluster::OnSending(const Envelope& envelope) {
  switch (envelope.kind) {
    case MessageKind::kEvaluationTask:
      return evaluation_.OnTask(DecodeBody<EvaluationTask>(envelope));
    case MessageKind::kEvaluationRelease:
      return evaluation_.OnRelease(DecodeBody<EvaluationRelease>(envelope).round);
    case MessageKind::kCredit:
      return credit_watch_.OnCredit(envelope.from.index, DecodeBody<Credit>(envelope).credits);
    case MessageKind::kLabelledBatch:
      return credit_watch_.OnBatch(envelope.to.index);
    case MessageKind::kShardPart: {
      const auto part = DecodeBody<ShardPart>(envelope);
      if (!part.bytes.empty()) {
        priorities_.OnPart(envelope.from.index, replay::ShardState::Decode(part.bytes));
      }
      return;
    }
    case MessageKind::kFrozen:
      if (envelope.from == learner_.Address()) teacher_frozen_ = true;
      return;
    default:
      return;
  }
}

void Cluster::OnArrival(const Envelope& envelope) {
  switch (envelope.kind) {
    case MessageKind::kFreeze:
      if (envelope.to.kind == RoleKind::kLearner) teacher_frozen_ = true;
      break;
    case MessageKind::kShardReport: {
      auto& known = reported_.at(envelope.from.index);
      known = std::max(known, DecodeBody<ShardReport>(envelope).totals.inserted);
      break;
    }
    case MessageKind::kRankDown:
      if (envelope.to.kind == RoleKind::kLearner) learner_unaware_ = false;
      break;
    case MessageKind::kSampleGrant:
      sample_grant_ = std::max(sample_grant_, DecodeBody<SampleGrant>(envelope).allowance);
      break;
    case MessageKind::kEvaluationResult:
      if (evaluation_.OnResult(DecodeBody<EvaluationResult>(envelope))) {
        world_.coverage.Hit(Fault::kDuplicated, envelope.kind);
      }
      break;
    default:
      break;
  }
}

// A role that throws is taken out and reported, as cli/rank_runtime.cc does it. No role has a
// reason to, but a shard whose disk has refused: it is a violation.
void Cluster::OnFailure(Node& node, const Error& error) {
  node.failed = true;
  const std::string text =
      fmt::format("{} failed: {}", node.role->Address().ToString(), error.what());
  const RoleAddress role = node.role->Address();
  const bool refused = role.kind == RoleKind::kShard && !disk_.folders.empty() &&
                       disk_.folders.at(role.index)->Refused() > 0;
  if (refused) {
    world_.Note(text);
  } else {
    world_.Violation(text);
  }
  if (node.role != &coordinator_) {
    SendTo(messages_, node.role->Address(), kCoordinatorAddress, Failure{text});
  }
}

bool Cluster::Step() {
  if (!world_.events.RunNext()) return false;
  Watch();
  return true;
}

void Cluster::Watch() {
  rate_watch_.Look(Inserted(), learner_.Samples(), teacher_frozen_);
  const auto batch = static_cast<std::uint64_t>(job_.config.teacher.batch_size);
  const bool running =
      !AnyStopped(RoleKind::kLearner) && !AnyStopped(RoleKind::kShard) && !learner_unaware_;
  const bool training = coordinator_.Phase() == RunPhase::kTrain && !teacher_frozen_ && running;
  const bool can_work =
      training && (!teacher_port_.Idle() || learner_.Samples() + batch <= sample_grant_);
  processes_.WatchSupervision(AnyStopped(RoleKind::kActorHost) ||
                              coordinator_.Phase() == RunPhase::kEnd);
  teacher_watch_.Look(learner_.Updates(), can_work, AnyStopped(RoleKind::kStudentHost));
}

// ---- connections' ends -------------------------------------------------------------------------

void Cluster::OnWireFrame(std::uint64_t wire, Side at, FrameKind kind,
                          std::span<const std::uint8_t> body) {
  if (at == Side::kWorker) return processes_.OnFrame(wire, kind, body);
  const auto owner = shard_of_wire_.find(wire);
  if (owner != shard_of_wire_.end() && nodes_.at(shards_[owner->second]->Address()).stopped) {
    world_.coverage.Hit(Fault::kStopped, kind);
  }
  AtShard(wire,
          [this, wire, kind, held = std::vector(body.begin(), body.end())](std::size_t shard) {
            Node& node = nodes_.at(shards_[shard]->Address());
            if (std::exchange(node.leapt, false)) world_.coverage.Hit(Fault::kClockLeapt, kind);
            shards_[shard]->OnArrived(kind, held);
            shards_[shard]->OnFrame(wire, kind, held, NowOf(node), messages_);
          });
}

void Cluster::OnWireLost(std::uint64_t wire, Side at) {
  if (at == Side::kWorker) return processes_.OnLost(wire);
  AtShard(wire, [this, wire](std::size_t shard) {
    shards_[shard]->OnLost(wire, NowOf(shards_[shard]->Address()));
  });
}

bool Cluster::OnWorkerConnect(std::uint64_t wire, std::size_t shard) {
  if (nodes_.at(shards_[shard]->Address()).dead) return false;
  shard_of_wire_[wire] = shard;
  AtShard(wire, [this, wire](std::size_t index) {
    shards_[index]->OnConnect(wire, NowOf(shards_[index]->Address()));
  });
  return true;
}

// What the kernel keeps for a stopped process, it finds when it goes on.
void Cluster::AtShard(std::uint64_t wire, std::function<void(std::size_t)> action) {
  const auto found = shard_of_wire_.find(wire);
  if (found == shard_of_wire_.end()) return;
  Node& node = nodes_.at(shards_[found->second]->Address());
  if (!node.stopped) return action(found->second);
  node.held.emplace_back([action = std::move(action), shard = found->second] { action(shard); });
}

bool Cluster::AnyStopped(RoleKind kind) const {
  return stopped_ > 0 && std::any_of(nodes_.begin(), nodes_.end(), [kind](const auto& node) {
           return node.first.kind == kind && node.second.stopped;
         });
}

}  // namespace stillhouse::simulation
