#include "cli/in_process_cluster.h"

#include <chrono>

#include "cli/seams.h"
#include "common/base/rng.h"
#include "common/config/config_check.h"

namespace stillhouse::cli {
namespace {
using namespace std::chrono_literals;
// What things cost in virtual time: about what they take on one core of a small machine.
constexpr Time kCostOfFrame = 10us;
constexpr Time kCostOfUpdate = 1ms;
constexpr Time kCostOfLabelling = 500us;
constexpr Time kCostOfEvaluationSlice = 300us;
constexpr Time kCostOfIdleTurn = 1ms;
/// What a worker's random id is made of here; in a cluster it is random.
constexpr std::uint64_t kFirstIncarnation = 1;

Coordinator::Settings WithoutActorHosts(const Job& job) {
  const double start_s = job.resume ? Seconds(job.resume->coordinator.elapsed) : 0;
  auto settings = job.CoordinatorSettings(std::vector<double>(job.networks.size(), 0), start_s);
  settings.seams = HasSeams(job.config);
  settings.actor_hosts = 0;  // the workers live here
  return settings;
}

learner::ComputeFactory& Prepared(learner::ComputeFactory& compute, const Job& job) {
  compute.BeginWith(job.initial);
  return compute;
}

/// 0 for the beginning of a run; else made of what names the checkpoint that it goes on from.
/// Beside stored experience its workers stand, which no worker of this run may be taken for.
std::uint64_t SaltOf(const Job& job) {
  const std::uint64_t stored = LearnsFromStored(job.config) ? 1 : 0;
  if (!job.resume) return stored == 0 ? 0 : Rng(0, stored, 0)();
  const CoordinatorState& from = job.resume->coordinator;
  return Rng(from.updates, stored, static_cast<std::uint64_t>(from.elapsed.count()))();
}
}  // namespace

InProcessCluster::InProcessCluster(const Job& job, learner::ComputeFactory& compute,
                                   RunRecorder& recorder)
    : job_(job),
      coordinator_(WithoutActorHosts(job), recorder),
      teacher_(
          Prepared(compute, job)
              .MakeTeacher(job.config, job.environment, job.Rows(), !job.config.students.empty())),
      teacher_port_([this](learner::TeacherJob work) {
        return learner::Perform(*teacher_, std::move(work));
      }),
      learner_(job.LearnerSettings(), teacher_port_) {
  roles_[coordinator_.Address()] = &coordinator_;
  roles_[learner_.Address()] = &learner_;
  for (std::uint16_t host = 0; host < job.StudentHosts(); ++host) MakeStudentHost(host, compute);
  for (std::uint16_t shard = 0; shard < job.Shards(); ++shard) {
    MakeShard(shard);
  }
  // Workers of different lives have different names and streams; the same life always the same.
  const std::uint64_t salt = SaltOf(job);
  const auto workers = static_cast<std::uint32_t>(job.layout.Workers());
  for (std::uint32_t index = 0; index < workers; ++index) {
    actors::ActorOptions options;
    options.incarnation = kFirstIncarnation + salt + index;
    options.index = index;
    options.slots = job.Shards();
    options.fixed_seeds = true;
    options.salt = salt;
    options.token = job.token;
    workers_.push_back(std::make_unique<actors::Actor>(options));
  }
}

InProcessCluster::~InProcessCluster() = default;

void InProcessCluster::MakeShard(std::uint16_t shard) {
  replay::ShardDisk disk;
  const Durability durability = job_.config.replay.durability;
  if (durability != Durability::kNone) {
    disks_.push_back(
        std::make_unique<Disk>(job_.store.FolderOf(shard), durability == Durability::kSync));
    disk = {&disks_.back()->storage, &disks_.back()->device};
  }
  shards_.push_back(std::make_unique<replay::Shard>(job_.ShardSettingsOf(shard), *this, disk));
  roles_[shards_.back()->Address()] = shards_.back().get();
}

void InProcessCluster::MakeStudentHost(std::uint16_t host, learner::ComputeFactory& compute) {
  const auto served = job_.StudentsOf(host);
  StudentHost made;
  made.compute = compute.MakeStudents(job_.config, job_.environment, served);
  made.port = std::make_unique<StudentInline>(
      [borrowed = made.compute.get(), count = served.size()](learner::StudentJob work) {
        return learner::Perform(*borrowed, count, std::move(work));
      });
  made.role = std::make_unique<learner::StudentRole>(job_.StudentSettingsOf(host), *made.port);
  roles_[made.role->Address()] = made.role.get();
  students_.push_back(std::move(made));
}

void InProcessCluster::Send(ConnectionId connection, FrameKind kind,
                            std::vector<std::uint8_t> body) {
  to_workers_.push_back({connection.Get(), kind, std::move(body)});
}

void InProcessCluster::Close(ConnectionId connection, std::string_view reason) {
  if (coordinator_.Phase() == RunPhase::kEnd) return;  // that is how workers are dismissed
  throw CommError(fmt::format("a shard closed worker connection {}: {}", connection.Get(), reason));
}

// Frames are handed over at once and bounded by the workers' windows: nothing to hold back.
void InProcessCluster::SetReading(ConnectionId, bool) {}

// Connection c belongs to worker (c - 1) / shards and slot (c - 1) % shards.
void InProcessCluster::Send(std::uint32_t slot, FrameKind kind, std::vector<std::uint8_t> body) {
  to_shards_.push_back({acting_ * shards_.size() + slot + 1, kind, std::move(body)});
}

void InProcessCluster::ConnectWorkers() {
  for (acting_ = 0; acting_ < workers_.size(); ++acting_) {
    for (std::uint32_t slot = 0; slot < shards_.size(); ++slot) {
      const std::uint64_t connection = acting_ * shards_.size() + slot + 1;
      shards_[slot]->OnConnect(ConnectionId(connection), now_);
      const Hello hello = workers_[acting_]->MakeHello(slot);
      ByteWriter writer;
      hello.Encode(writer);
      to_shards_.push_back({connection, FrameKind::kHello, writer.Take()});
    }
  }
}

std::optional<Coordinator::Outcome> InProcessCluster::Run(
    const std::function<bool(Coordinator&)>& go_on) {
  ConnectWorkers();
  while (!coordinator_.Finished()) {
    if (!go_on(coordinator_)) return std::nullopt;
    bool worked = DeliverMessages();
    worked |= DeliverFrames();
    worked |= DoCompute();
    worked |= AdvanceWorkers();
    TickRoles();
    if (!worked) now_ += kCostOfIdleTurn;
  }
  return coordinator_.Result();
}

bool InProcessCluster::DeliverMessages() {
  const bool any = !messages_.empty();
  while (!messages_.empty()) {
    const Envelope envelope = UnpackEnvelope(PackEnvelope(std::move(messages_.front())));
    messages_.pop_front();
    roles_.at(envelope.to)->Handle(envelope, now_, *this);
  }
  return any;
}

bool InProcessCluster::DeliverFrames() {
  const bool any = !to_shards_.empty() || !to_workers_.empty();
  const std::size_t shards = shards_.size();
  while (!to_shards_.empty()) {
    Frame frame = std::move(to_shards_.front());
    to_shards_.pop_front();
    shards_[(frame.connection - 1) % shards]->OnFrame(ConnectionId(frame.connection), frame.kind,
                                                      std::move(frame.body), now_, *this);
  }
  while (!to_workers_.empty()) {
    const Frame frame = std::move(to_workers_.front());
    to_workers_.pop_front();
    acting_ = (frame.connection - 1) / shards;
    const auto slot = static_cast<std::uint32_t>((frame.connection - 1) % shards);
    if (frame.kind == FrameKind::kWelcome) {
      ByteReader reader(frame.body, "welcome");
      workers_[acting_]->OnWelcome(slot, Welcome::Decode(reader), now_, *this);
    } else {
      workers_[acting_]->OnFrame(slot, frame.kind, frame.body, now_, *this);
    }
  }
  return any;
}

bool InProcessCluster::DoCompute() {
  bool any = false;
  if (auto outcome = teacher_port_.DoNext()) {
    if (outcome->job.kind == learner::TeacherJob::Kind::kUpdate) now_ += kCostOfUpdate;
    if (outcome->job.kind == learner::TeacherJob::Kind::kLabel) now_ += kCostOfLabelling;
    learner_.OnDone(std::move(*outcome), now_, *this);
    any = true;
  }
  for (auto& host : students_) {
    if (auto outcome = host.port->DoNext()) {
      host.role->OnDone(std::move(*outcome), now_, *this);
      any = true;
    }
  }
  return any;
}

bool InProcessCluster::AdvanceWorkers() {
  bool any = false;
  for (acting_ = 0; acting_ < workers_.size(); ++acting_) {
    const std::uint64_t before = workers_[acting_]->Frames();
    if (!workers_[acting_]->Advance(now_, *this)) continue;
    any = true;
    const std::uint64_t frames = workers_[acting_]->Frames() - before;
    now_ += frames > 0 ? kCostOfFrame * static_cast<std::int64_t>(frames) : kCostOfEvaluationSlice;
  }
  return any;
}

void InProcessCluster::TickRoles() {
  for (const auto& [address, role] : roles_) role->Tick(now_, *this);
}

}  // namespace stillhouse::cli
