#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/run/coordinator.h"
#include "tests/support/captured_outbox.h"

namespace stillhouse::testing_support {

constexpr RoleAddress kLearner{RoleKind::kLearner, 0};
constexpr RoleAddress kStudent{RoleKind::kStudentHost, 0};
constexpr RoleAddress kActors{RoleKind::kActorHost, 0};
constexpr RoleAddress Shard(std::uint16_t index) { return {RoleKind::kShard, index}; }

class NotingRecorder final : public RunRecorder {
 public:
  void OnProgress(const ProgressRecord& record) override { progress.push_back(record); }
  void OnScoreboard(const Scoreboard& board) override { boards.push_back(board); }
  void OnNote(const std::string& line) override { notes += line + "\n"; }
  void OnEndpoints(const std::vector<std::string>& addresses) override { endpoints = addresses; }
  void OnFinalModel(const FinalModel& model) override { finals.push_back(model.model); }
  void ContinueRank(const RankReport& rank) override { continued.push_back(rank.rank); }
  void WriteCheckpoint(Checkpoint checkpoint) override {
    outcome = CheckpointOutcome{checkpoint.facts.updates, 1, disk_error};
    checkpoints.push_back(std::move(checkpoint));
  }
  std::optional<CheckpointOutcome> TakeCheckpointOutcome() override {
    return std::exchange(outcome, std::nullopt);
  }

  std::vector<ProgressRecord> progress;
  std::vector<Scoreboard> boards;
  std::vector<std::string> endpoints;
  std::vector<std::uint16_t> finals;
  std::vector<std::uint32_t> continued;
  std::vector<Checkpoint> checkpoints;
  std::optional<CheckpointOutcome> outcome;
  std::string disk_error;  ///< of the checkpoints to come
  std::string notes;
};

inline Coordinator::Settings SmallJob() {
  Coordinator::Settings settings;
  settings.config.replay.min_size = 100;
  settings.config.replay.durability = Durability::kNone;
  settings.config.replay.samples_per_insert = 8;
  settings.config.evaluation.episodes = 4;
  settings.config.evaluation.final_episodes = 6;
  settings.config.students.resize(1);
  settings.config.students[0].name = "small";
  settings.config.checkpoint.every.value = 0;
  settings.config.stop.frames = 1000;
  settings.config.stop.distill_tail = 0.5;
  settings.shards = 2;
  settings.student_hosts = 1;
  settings.actor_hosts = 1;
  settings.host_of_student = {0};
  settings.models = {{"teacher", ModelScore::Kind::kTeacher, 10, 20, 1},
                     {"small", ModelScore::Kind::kStudent, 5, 9, 1}};
  settings.tolerance = 80;
  settings.token = "secret";
  return settings;
}

/// A coordinator and the rest of its cluster, reduced to what a test has it say.
class CoordinatorTest : public ::testing::Test {
 protected:
  explicit CoordinatorTest(Coordinator::Settings settings = SmallJob())
      : coordinator_(std::move(settings), recorder_) {}

  template <typename Body>
  void Say(RoleAddress from, const Body& body) {
    coordinator_.Handle(From(from, kCoordinatorAddress, body), now_, out_);
  }
  void ReportShards(std::uint64_t inserted_each) {
    for (std::uint16_t shard = 0; shard < 2; ++shard) {
      ShardReport report;
      report.totals.inserted = report.totals.size = report.frames = inserted_each;
      if (shard == 0) report.home_workers = {77};
      Say(Shard(shard), report);
    }
  }
  void Tick() { coordinator_.Tick(now_, out_); }

  /// Ticks, answering pins and playing every evaluation task, until `until` holds.
  template <typename Predicate>
  ::testing::AssertionResult PlayUntil(Predicate until) {
    for (int turn = 0; turn < 200; ++turn) {
      if (until()) return ::testing::AssertionSuccess();
      const std::size_t seen = out_.envelopes.size();
      Tick();
      for (std::size_t i = seen; i < out_.envelopes.size(); ++i) Answer(out_.envelopes[i]);
      now_ += std::chrono::milliseconds(100);
    }
    return ::testing::AssertionFailure() << "never happened; notes:\n" << recorder_.notes;
  }

  void Answer(const Envelope& envelope) {
    if (envelope.kind == MessageKind::kPinRequest) {
      const auto round = DecodeBody<PinRequest>(envelope).round;
      const std::uint16_t model = envelope.to == kLearner ? 0 : 1;
      Say(envelope.to, Pinned{round, {{model, 3, 300}}});
    } else if (envelope.kind == MessageKind::kEvaluationTask) {
      const auto task = DecodeBody<EvaluationTask>(envelope);
      EvaluationResult result{task.task, task.round, task.player.model, {}, {}};
      const float play = task.player.model == kRandomModel ? 1.0F : 11.0F;
      for (const auto seed : task.seeds) result.episodes.push_back({seed, play, 5});
      Say(envelope.to, result);
    } else if (envelope.kind == MessageKind::kFreeze && answer_freeze_) {
      const std::uint16_t model = envelope.to == kLearner ? 0 : 1;
      Say(envelope.to, Frozen{{{model, 4, 400, {1.0F}}}});
    } else if (envelope.kind == MessageKind::kCheckpointRequest && answer_checkpoints_) {
      const auto id = DecodeBody<CheckpointRequest>(envelope).id;
      const std::uint8_t model = envelope.to == kLearner ? 0 : 1;
      Say(envelope.to, CheckpointPart{id, 300, 9600, {{model, {model, 42}}}});
    } else if (envelope.kind == MessageKind::kLeave) {
      Say(envelope.to, Left{});
    }
  }

  NotingRecorder recorder_;
  Coordinator coordinator_;
  CapturedOutbox out_;
  Time now_ = std::chrono::milliseconds(1);
  bool answer_freeze_ = true;
  bool answer_checkpoints_ = true;
};

}  // namespace stillhouse::testing_support
