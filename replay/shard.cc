#include "replay/shard.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <tuple>
#include <utility>

#include "common/base/error.h"
#include "common/config/model_graph.h"
#include "common/messages/checkpoint.h"
#include "common/messages/evaluation.h"

namespace stillhouse::replay {
namespace {

/// The coordinator hears of inserts at most this often...
constexpr Time kReportGap = std::chrono::milliseconds(2);
/// ...and of the shard at least this often.
constexpr Time kReportPeriod = std::chrono::milliseconds(200);
/// The sketch of its states, 4 KiB, goes along as often.
constexpr Time kSketchPeriod = std::chrono::milliseconds(200);
constexpr Time kStatusPeriod = std::chrono::milliseconds(100);
/// Of one worker's report; more is nonsense.
constexpr std::size_t kMostEpisodes = 65536;

ItemStoreSettings StoreSettings(const ShardSettings& settings) {
  const ReplaySettings& replay = settings.config.replay;
  ItemStoreSettings store;
  store.capacity = static_cast<std::size_t>(replay.capacity) / settings.shards;
  store.n_step = static_cast<std::uint32_t>(replay.n_step);
  store.discount = replay.discount;
  store.alpha = replay.alpha;
  store.priority_epsilon = replay.priority_epsilon;
  store.track_min = replay.weight_normalization == WeightNormalization::kStore;
  return store;
}

}  // namespace

Shard::Shard(ShardSettings settings, WorkerOutbox& workers, ShardDisk disk)
    : settings_(std::move(settings)),
      policy_(ActingModel(settings_.config)),
      guest_(GuestModel(settings_.config)),
      workers_(workers),
      store_(StoreSettings(settings_)),
      intake_(store_, settings_.environment,
              static_cast<std::uint32_t>(settings_.config.replay.n_step),
              static_cast<std::uint32_t>(settings_.config.actors.chunk_steps)),
      weights_(settings_.models),
      sessions_(settings_.token, settings_.environment) {
  if (disk.storage != nullptr) Recover(disk);
}

RoleAddress Shard::Address() const { return {RoleKind::kShard, settings_.index}; }

// ---- cluster plane -----------------------------------------------------------------------------

void Shard::Handle(const Envelope& envelope, Time now, Outbox& out) {
  if (finished_) return;
  switch (envelope.kind) {
    case MessageKind::kSampleRequest:
      SendTo(out, Address(), envelope.from, store_.Sample(DecodeBody<SampleRequest>(envelope)));
      break;
    case MessageKind::kPriorityUpdate:
      store_.UpdatePriorities(DecodeBody<PriorityUpdate>(envelope));
      break;
    case MessageKind::kWeightsPublish: {
      const auto before = VersionsThatPlay();
      weights_.Publish(DecodeBody<WeightsPublish>(envelope), workers_);
      intake_.SetNewestVersion(weights_.NewestVersion(policy_));
      if (VersionsThatPlay() != before) SendStatusToAll(now);
      break;
    }
    case MessageKind::kInsertGrant:
      intake_.Grant(DecodeBody<InsertGrant>(envelope).allowance, workers_);
      ReportChanges(now, out);
      break;
    case MessageKind::kRunStatus: {
      const RunPhase before = status_.phase;
      SetStatus(DecodeBody<RunStatus>(envelope));
      if (status_.phase != before) SendStatusToAll(now);
      break;
    }
    case MessageKind::kEvaluationTask:
      ForwardEvaluation(envelope);
      break;
    case MessageKind::kEvaluationRelease:
      ReleaseRound(DecodeBody<EvaluationRelease>(envelope).round);
      break;
    case MessageKind::kCheckpointRequest:
      BeginCheckpoint(DecodeBody<CheckpointRequest>(envelope).id, out);
      break;
    case MessageKind::kRankDown:
      break;  // of other shards the status tells the workers
    case MessageKind::kLeave:
      Finish(out);
      break;
    default:
      throw WireError(fmt::format("{}: {} from {} is not for a shard", Address().ToString(),
                                  MessageName(envelope.kind), envelope.from.ToString()));
  }
}

void Shard::SetStatus(const RunStatus& status) {
  const RunPhase phase = std::max(status_.phase, status.phase);
  status_ = status;
  status_.phase = phase;
  if (phase != RunPhase::kTrain) intake_.StopStoring(workers_);
}

void Shard::ForwardEvaluation(const Envelope& envelope) {
  // A worker that is gone for good has left ShardReport::home_workers: the coordinator hands the
  // task on. One that is back at once gets it again from Greet.
  const auto task = DecodeBody<EvaluationTask>(envelope);
  open_tasks_.Add(task, envelope.body);
  const auto connection = sessions_.OfIncarnation(task.worker);
  if (connection) workers_.Send(*connection, FrameKind::kEvaluationTask, envelope.body);
}

void Shard::ReleaseRound(std::uint32_t round) {
  weights_.Release(round);
  open_tasks_.Release(round);
}

void Shard::TakeEvaluationResult(const std::vector<std::uint8_t>& body, Outbox& out) {
  const auto result = DecodeFrame<EvaluationResult>(body, "evaluation result");
  open_tasks_.Answered(result.task);
  SendTo(out, Address(), kCoordinatorAddress, result);
}

void Shard::Tick(Time now, Outbox& out) {
  if (finished_) return;
  for (const auto incarnation : departed_.TakeForgotten(now)) intake_.ForgetWorker(incarnation);
  if (log_) log_->ThrowIfFailed();
  intake_.Settle(workers_);
  TickCheckpoint(now, out);
  ReportChanges(now, out);
  if (!last_report_ || now - *last_report_ >= kReportPeriod) Report(now, out);
  if (!last_status_ || now - *last_status_ >= kStatusPeriod) SendStatusToAll(now);
}

void Shard::ReportChanges(Time now, Outbox& out) {
  const bool changed =
      changed_ || store_.Inserted() != reported_inserted_ || intake_.Blocked() != reported_blocked_;
  if (changed && (!last_report_ || now - *last_report_ >= kReportGap)) Report(now, out);
}

void Shard::Report(Time now, Outbox& out) {
  ShardReport report;
  report.totals = store_.Totals();
  report.bytes = store_.MemoryBytes();
  report.frames = store_.Inserted();
  report.insert_blocked = intake_.Blocked();
  // Of workers that have left, or have come back and not reported yet, the last is known.
  epsilon_mean_ = sessions_.MeanEpsilon().value_or(epsilon_mean_);
  report.epsilon_mean = epsilon_mean_;
  report.weights_lag_p99 = static_cast<std::uint32_t>(intake_.Lag().Percentile99());
  report.home_workers = sessions_.HomeWorkers();
  report.episodes = std::exchange(episodes_, {});
  report.action_counts = intake_.Coverage().ActionCounts();
  if (!last_sketch_ || now - *last_sketch_ >= kSketchPeriod) {
    report.visited = intake_.Coverage().Visited().Registers();
    last_sketch_ = now;
  }
  reported_inserted_ = report.frames;
  reported_blocked_ = report.insert_blocked;
  changed_ = false;
  last_report_ = now;
  SendTo(out, Address(), kCoordinatorAddress, report);
}

void Shard::Finish(Outbox& out) {
  SendTo(out, Address(), kCoordinatorAddress, Left{});
  const auto sessions = sessions_.All();
  for (const auto& [connection, session] : sessions) {
    workers_.Send(connection, FrameKind::kGoodbye, {});
    Drop(connection, "the run is over");
  }
  finished_ = true;
}

// ---- worker plane ------------------------------------------------------------------------------

void Shard::OnConnect(ConnectionId connection, Time) {
  if (finished_) return workers_.Close(connection, "the run is over");
  sessions_.Open(connection);
}

void Shard::OnDisconnect(ConnectionId connection, Time) {
  const Session* const session = sessions_.Find(connection);
  if (session == nullptr) return;
  if (intake_.DurableSequence(session->incarnation) > 0) departed_.Lost(session->incarnation);
  intake_.Forget(connection);
  weights_.Forget(connection);
  sessions_.Remove(connection);
  changed_ = true;
}

void Shard::Drop(ConnectionId connection, const std::string& reason) {
  OnDisconnect(connection, Time{});
  workers_.Close(connection, reason);
}

void Shard::OnFrame(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body,
                    Time now, Outbox& out) {
  Session* const session = sessions_.Find(connection);
  if (session == nullptr) return;  // closed by us; what was under way still arrives
  try {
    HandleFrame(connection, *session, kind, std::move(body), out);
  } catch (const RefusedError& refused) {
    ByteWriter reason;
    reason.PutString(refused.what());
    workers_.Send(connection, FrameKind::kRefused, reason.Take());
    Drop(connection, refused.what());
  } catch (const WireError& error) {
    Drop(connection, error.what());
  }
  ReportChanges(now, out);
}

void Shard::HandleFrame(ConnectionId connection, Session& session, FrameKind kind,
                        std::vector<std::uint8_t> body, Outbox& out) {
  if (kind == FrameKind::kHello) return Greet(connection, session, body);
  if (kind == FrameKind::kGoodbye) return Goodbye(connection, session);
  if (session.state != SessionState::kReady) {
    throw WireError(fmt::format("frame of kind {} before the Hello with an environment",
                                static_cast<int>(kind)));
  }
  switch (kind) {
    case FrameKind::kChunk:
      intake_.Offer(connection, session.incarnation, std::move(body), workers_);
      break;
    case FrameKind::kWeightsRequest:
      weights_.Request(connection, DecodeFrame<WeightsRequest>(body, "weights request"), workers_);
      break;
    case FrameKind::kEvaluationResult:
      TakeEvaluationResult(body, out);
      break;
    case FrameKind::kWorkerReport:
      TakeWorkerReport(session, body);
      break;
    default:
      throw WireError(fmt::format("frame of kind {} from a worker", static_cast<int>(kind)));
  }
}

/// The incarnation is over: frames of it that are still under way have no session to arrive in.
void Shard::Goodbye(ConnectionId connection, const Session& session) {
  const bool known = session.state != SessionState::kConnected;
  const std::uint64_t incarnation = session.incarnation;
  Drop(connection, "goodbye");
  if (!known) return;
  departed_.Returned(incarnation);
  intake_.ForgetWorker(incarnation);
}

void Shard::Greet(ConnectionId connection, Session& session,
                  const std::vector<std::uint8_t>& body) {
  sessions_.Greet(connection, body);
  while (const auto older = sessions_.Predecessor(connection)) {
    Drop(*older, "the worker has connected again");
  }
  departed_.Returned(session.incarnation);
  Welcome welcome;
  welcome.shard = settings_.index;
  welcome.shards = settings_.shards;
  welcome.config = settings_.config_yaml;
  welcome.last_sequence = intake_.DurableSequence(session.incarnation);
  SendFrame(workers_, connection, FrameKind::kWelcome, welcome);
  if (session.state != SessionState::kReady) return;
  changed_ = true;
  workers_.Send(connection, FrameKind::kStatus, EncodedStatus());
  if (!session.home) return;
  open_tasks_.ForEachOf(session.incarnation, [&](const std::vector<std::uint8_t>& task) {
    workers_.Send(connection, FrameKind::kEvaluationTask, task);
  });
}

void Shard::TakeWorkerReport(Session& session, const std::vector<std::uint8_t>& body) {
  const auto report = DecodeFrame<WorkerReport>(body, "worker report");
  const bool finite = std::all_of(report.episodes.begin(), report.episodes.end(),
                                  [](const auto& e) { return std::isfinite(e.episode_return); });
  if (!finite || !std::isfinite(report.epsilon_mean) || report.episodes.size() > kMostEpisodes) {
    throw WireError("worker report: a figure is not finite, or too many episodes");
  }
  session.home = true;  // reports go home: this worker's former home has died
  session.epsilon = report.epsilon_mean;
  episodes_.insert(episodes_.end(), report.episodes.begin(), report.episodes.end());
  changed_ = true;
}

std::pair<std::uint64_t, std::uint64_t> Shard::VersionsThatPlay() const {
  return {weights_.NewestVersion(policy_), guest_ ? weights_.NewestVersion(*guest_) : 0};
}

std::vector<std::uint8_t> Shard::EncodedStatus() const {
  WorkerStatus status;
  status.run = status_;
  std::tie(status.teacher_version, status.guest_version) = VersionsThatPlay();
  status.shard_size = store_.Size();
  ByteWriter body;
  status.Encode(body);
  return body.Take();
}

void Shard::SendStatusToAll(Time now) {
  last_status_ = now;
  const auto body = std::make_shared<const std::vector<std::uint8_t>>(EncodedStatus());
  for (const auto& [connection, session] : sessions_.All()) {
    if (session.state != SessionState::kReady) continue;
    workers_.SendShared(connection, FrameKind::kStatus, body);
  }
}

}  // namespace stillhouse::replay
