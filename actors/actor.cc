#include "actors/actor.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "actors/behaviour.h"
#include "actors/env/environment_factory.h"
#include "actors/environment_options.h"
#include "actors/evaluation_desk.h"
#include "actors/experience_sender.h"
#include "actors/model_catalog.h"
#include "common/base/error.h"
#include "common/config/config_check.h"
#include "common/config/config_load.h"
#include "common/config/model_graph.h"

namespace stillhouse::actors {

namespace {

/// The ladder's length, in workers, when the configuration does not say how many there are.
constexpr std::int32_t kLadderWorkers = 8;
constexpr Time kReportEvery = std::chrono::milliseconds(500);
constexpr Time kHomePatience = std::chrono::seconds(5);

template <typename Body>
Body Decode(std::span<const std::uint8_t> bytes, const char* what) {
  ByteReader reader(bytes, what);
  Body body = Body::Decode(reader);
  reader.ExpectEnd();
  return body;
}

}  // namespace

class Actor::Impl {
 public:
  explicit Impl(const ActorOptions& options)
      : options_(options),
        home_(options.index % options.slots),
        introduced_(options.slots),
        open_(options.slots),
        shard_of_(options.slots),
        abandoned_(options.slots),
        sender_(options.incarnation, options.slots) {}

  Hello MakeHello(std::uint32_t slot) {
    introduced_.at(slot) = !environment_.id.empty();
    Hello hello;
    hello.token = options_.token;
    hello.incarnation = options_.incarnation;
    hello.home = slot == home_;
    hello.environment = environment_;
    return hello;
  }

  void OnWelcome(std::uint32_t slot, const Welcome& welcome, Time now, ShardLinks& out) {
    if (!behaviour_) Prepare(welcome.config);
    if (shards_ == 0) shards_ = welcome.shards;
    if (welcome.shards != shards_) {
      // Chunks are numbered for one shard each, and the shards are others now.
      throw CommError(fmt::format("the job had {} shards and goes on with {}: this worker is over",
                                  shards_, welcome.shards));
    }
    shard_of_.at(slot) = welcome.shard;
    if (!introduced_.at(slot)) {
      ByteWriter body;
      MakeHello(slot).Encode(body);
      return out.Send(slot, FrameKind::kHello, body.Take());
    }
    open_.at(slot) = true;
    sender_.OnWelcome(slot, welcome.last_sequence, now, out);
    if (slot != home_) return;
    desk_->OnHomeConnected(out);
    Settle(now, out);
  }

  void OnFrame(std::uint32_t slot, FrameKind kind, std::span<const std::uint8_t> body, Time now,
               ShardLinks& out) {
    if (kind == FrameKind::kWelcome) {
      return OnWelcome(slot, Decode<Welcome>(body, "Welcome"), now, out);
    }
    if (kind == FrameKind::kGoodbye) {
      finished_ = true;
      return;
    }
    if (!open_.at(slot)) throw WireError("a frame before the Welcome");
    switch (kind) {
      case FrameKind::kAck:
        return sender_.OnAck(slot, Decode<Ack>(body, "Ack"), now);
      case FrameKind::kStatus:
        return OnStatus(slot, Decode<WorkerStatus>(body, "WorkerStatus"), now, out);
      case FrameKind::kWeightsReply:
        return OnWeights(Decode<WeightsReply>(body, "WeightsReply"), out);
      case FrameKind::kEvaluationTask:
        return desk_->Add(Decode<EvaluationTask>(body, "EvaluationTask"), out);
      default:
        throw WireError(
            fmt::format("frame kind {} is none that a shard sends", static_cast<int>(kind)));
    }
  }

  void OnDisconnect(std::uint32_t slot) {
    open_.at(slot) = false;
    sender_.OnDisconnect(slot);
    if (slot == home_ && desk_) desk_->OnHomeLost();
  }

  bool Advance(Time now, ShardLinks& out) {
    if (!behaviour_ || finished_) return false;
    SendReport(now, out);
    const bool collecting = run_.phase < RunPhase::kTail && !stored_;
    const bool room = sender_.Flush(now, out);
    if (leaving_) return false;
    waiting_ = collecting && !room;
    const bool can_play = collecting && room;
    const bool can_evaluate = desk_->Ready(out);
    if (can_evaluate && (!can_play || !evaluated_last_)) {
      evaluated_last_ = true;
      desk_->Step(out);
      return true;
    }
    evaluated_last_ = false;
    if (!can_play) return false;
    for (auto& chunk : behaviour_->Step(run_.frames)) sender_.Add(std::move(chunk));
    frames_ += behaviour_->Environments();
    sender_.Flush(now, out);
    return true;
  }

  bool Finished() const { return finished_; }
  void Leave() { leaving_ = true; }
  bool Settled() const { return sender_.Unacknowledged() == 0; }
  bool Abandoned(std::uint32_t slot) const { return abandoned_.at(slot); }
  std::uint64_t Frames() const { return frames_; }
  bool Waiting() const { return waiting_; }

 private:
  void Prepare(const std::string& yaml) {
    const RunConfig config = LoadConfigText(yaml, "the job's configuration");
    const EnvironmentMaker make(config.env.id, OptionsOf(config.env));
    environment_ = make(EnvironmentUse::kTraining)->Spec();
    sender_.SetEnvironment(environment_);
    models_.emplace(config, environment_);
    stored_ = LearnsFromStored(config);
    players_.push_back({ActingModel(config)});
    if (const auto guest = GuestModel(config)) players_.push_back({*guest});
    desk_.emplace(options_.incarnation, home_, *models_,
                  [make] { return make(EnvironmentUse::kEvaluation); });

    const auto envs = static_cast<std::uint64_t>(options_.envs > 0 ? options_.envs
                                                                   : config.actors.envs_per_worker);
    const auto workers = static_cast<std::uint64_t>(
        config.actors.workers > 0 ? config.actors.workers : kLadderWorkers);
    BehaviourSettings settings;
    settings.seed = config.run.seed;
    settings.salt = options_.fixed_seeds ? options_.salt : options_.incarnation;
    settings.first_index = options_.index * envs;
    settings.total = workers * envs;
    settings.exploration = config.actors.exploration;
    if (players_.size() > 1) settings.guest_share = config.actors.mix.share;
    settings.play_truth = IsSupervised(config);
    settings.chunk = {static_cast<std::size_t>(environment_.observation.PackedBytes()),
                      static_cast<std::uint32_t>(config.actors.chunk_steps),
                      static_cast<std::uint32_t>(config.replay.n_step), config.replay.discount};
    std::vector<std::unique_ptr<Environment>> environments;
    for (std::uint64_t e = 0; e < envs; ++e)
      environments.push_back(make(EnvironmentUse::kTraining));
    behaviour_.emplace(settings, std::move(environments));
  }

  /// A home that has just become ours, or ours again: what was asked over an old connection is not
  /// answered over a new one. The report tells the shard that it is home.
  void Settle(Time now, ShardLinks& out) {
    for (Player& player : players_) player.requested.reset();
    last_report_.reset();
    SendReport(now, out);
    PullPlayers(out);
  }

  bool HasAllShards() const { return shards_ == shard_of_.size(); }

  /// A slot holds a dead shard when its Welcome said so; one that has never been welcomed does when
  /// the others hold all shards that live. Of a worker that has some of the shards only, nobody can
  /// tell: such a slot stays, and does no harm.
  bool HoldsDeadShard(std::uint32_t slot, const std::vector<std::uint16_t>& dead) const {
    const auto is_dead = [&](const std::optional<std::uint32_t>& shard) {
      return shard && std::find(dead.begin(), dead.end(), *shard) != dead.end();
    };
    if (shard_of_[slot]) return is_dead(shard_of_[slot]);
    if (!HasAllShards()) return false;
    const auto living = std::count_if(shard_of_.begin(), shard_of_.end(),
                                      [&](const auto& shard) { return shard && !is_dead(shard); });
    return static_cast<std::size_t>(living) + dead.size() >= shard_of_.size();
  }

  /// With some of the shards only, a home that has never been welcomed may be dead or late.
  bool HomeStaysAway(Time now) {
    if (HasAllShards() || shard_of_[home_]) return false;
    if (!home_missed_since_) home_missed_since_ = now;
    return now - *home_missed_since_ > kHomePatience;
  }

  void OnDeadShards(const std::vector<std::uint16_t>& dead, Time now, ShardLinks& out) {
    if (dead.empty()) return;
    std::vector<std::uint32_t> living;
    for (std::uint32_t slot = 0; slot < options_.slots; ++slot) {
      if (!abandoned_[slot] && HoldsDeadShard(slot, dead)) {
        abandoned_[slot] = true;
        open_[slot] = false;
        sender_.Abandon(slot);
      }
      if (!abandoned_[slot] && open_[slot]) living.push_back(slot);
    }
    if ((!abandoned_[home_] && !HomeStaysAway(now)) || living.empty()) return;
    home_ = living[options_.index % living.size()];
    for (Player& player : players_) player.newest = 0;
    desk_->Move(home_, true, out);
    Settle(now, out);
  }

  void OnStatus(std::uint32_t slot, const WorkerStatus& status, Time now, ShardLinks& out) {
    OnDeadShards(status.run.dead_shards, now, out);
    sender_.OnShardSize(slot, status.shard_size, now);
    run_.phase = std::max(run_.phase, status.run.phase);
    run_.frames = std::max(run_.frames, status.run.frames);
    run_.updates = std::max(run_.updates, status.run.updates);
    if (run_.phase >= RunPhase::kTail) sender_.Discard();
    if (run_.phase == RunPhase::kEnd) finished_ = true;
    if (slot == home_) {
      players_.front().newest = status.teacher_version;
      if (players_.size() > 1) players_.back().newest = status.guest_version;
      PullPlayers(out);
    }
  }

  void PullPlayers(ShardLinks& out) {
    if (run_.phase >= RunPhase::kTail) return;
    for (Player& player : players_) {
      if (player.requested || player.newest <= player.held) continue;
      player.requested = player.newest;
      ByteWriter body;
      WeightsRequest{player.model, 0}.Encode(body);
      out.Send(home_, FrameKind::kWeightsRequest, body.Take());
    }
  }

  void OnWeights(const WeightsReply& reply, ShardLinks& out) {
    desk_->OnWeights(reply);
    for (Player& player : players_) {
      if (!player.requested || reply.model != player.model || reply.version < *player.requested) {
        continue;
      }
      player.requested.reset();
      if (reply.parameters.empty()) return;
      player.held = reply.version;
      if (&player == &players_.front()) {
        behaviour_->SetNetwork(models_->Spec(player.model), reply.parameters, reply.version);
      } else {
        behaviour_->SetGuest(models_->Spec(player.model), reply.parameters, reply.version);
      }
      return PullPlayers(out);
    }
  }

  void SendReport(Time now, ShardLinks& out) {
    if (!open_[home_] || (last_report_ && now - *last_report_ < kReportEvery)) return;
    last_report_ = now;
    WorkerReport report;
    report.episodes = behaviour_->TakeEpisodes();
    report.epsilon_mean = behaviour_->EpsilonMean();
    report.waiting = waiting_;
    ByteWriter body(32 + report.episodes.size() * 8);
    report.Encode(body);
    out.Send(home_, FrameKind::kWorkerReport, body.Take());
  }

  const ActorOptions options_;
  std::uint32_t home_;
  std::uint32_t shards_ = 0;      ///< of the job; 0: no Welcome yet
  std::vector<bool> introduced_;  ///< [slots]: the last Hello named our environment
  std::vector<bool> open_;        ///< [slots]: and was welcomed
  std::vector<std::optional<std::uint32_t>> shard_of_;  ///< [slots]: as their Welcomes said
  std::vector<bool> abandoned_;                         ///< [slots]: dead for good
  EnvironmentSpec environment_;
  ExperienceSender sender_;
  std::optional<ModelCatalog> models_;
  std::optional<EvaluationDesk> desk_;
  std::optional<Behaviour> behaviour_;  ///< set last: everything is ready
  RunStatus run_;
  /// A model that acts here.
  struct Player {
    std::uint16_t model = 0;
    std::uint64_t newest = 0;  ///< version that home has
    std::uint64_t held = 0;    ///< version that acts
    std::optional<std::uint64_t> requested{};
  };
  std::vector<Player> players_;  ///< actors.policy, then the guest where there is one
  std::optional<Time> last_report_;
  std::optional<Time> home_missed_since_;
  std::uint64_t frames_ = 0;
  bool stored_ = false;  ///< the experience is there already
  bool evaluated_last_ = false;
  bool waiting_ = false;
  bool finished_ = false;
  bool leaving_ = false;
};

Actor::Actor(const ActorOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Actor::~Actor() = default;
Hello Actor::MakeHello(std::uint32_t slot) { return impl_->MakeHello(slot); }
void Actor::OnWelcome(std::uint32_t slot, const Welcome& welcome, Time now, ShardLinks& out) {
  impl_->OnWelcome(slot, welcome, now, out);
}
void Actor::OnFrame(std::uint32_t slot, FrameKind kind, std::span<const std::uint8_t> body,
                    Time now, ShardLinks& out) {
  impl_->OnFrame(slot, kind, body, now, out);
}
void Actor::OnDisconnect(std::uint32_t slot) { impl_->OnDisconnect(slot); }
bool Actor::Advance(Time now, ShardLinks& out) { return impl_->Advance(now, out); }
bool Actor::Finished() const { return impl_->Finished(); }
void Actor::Leave() { impl_->Leave(); }
bool Actor::Abandoned(std::uint32_t slot) const { return impl_->Abandoned(slot); }
bool Actor::Settled() const { return impl_->Settled(); }
std::uint64_t Actor::Frames() const { return impl_->Frames(); }
bool Actor::Waiting() const { return impl_->Waiting(); }

}  // namespace stillhouse::actors
