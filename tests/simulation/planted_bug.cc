#include "tests/simulation/planted_bug.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "common/messages/checkpoint.h"
#include "common/messages/control.h"
#include "common/messages/evaluation.h"
#include "common/messages/gradients.h"
#include "common/messages/labels.h"
#include "common/messages/sampling.h"
#include "learner/protocol/checkpoint_state.h"
#include "tests/simulation/sim_shard.h"

namespace stillhouse::simulation {
namespace {

constexpr const char* kNames[] = {"none",
                                  "ack_before_store",
                                  "forget_sequence",
                                  "doubled_grant",
                                  "wait_for_credits",
                                  "lost_result",
                                  "stale_checkpoint",
                                  "stale_weights",
                                  "shifted_priorities",
                                  "doubled_credits",
                                  "unnoticed_exit",
                                  "wrong_seed",
                                  "loose_grant",
                                  "other_gradient",
                                  "ack_before_write",
                                  "forgotten_workers",
                                  "retired_early",
                                  "accepted_tear",
                                  "old_priorities"};
static_assert(std::size(kNames) == static_cast<std::size_t>(kLastBug) + 1);

// Places in an encoded chunk (replay/chunk.cc).
constexpr std::size_t kIncarnationAt = 16;
constexpr std::size_t kSequenceAt = 24;

std::uint64_t LoadU64(const std::vector<std::uint8_t>& bytes, std::size_t at) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}
void StoreU64(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint64_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof(value));
}

template <typename Body>
std::vector<std::uint8_t> Encoded(const Body& body) {
  ByteWriter out;
  body.Encode(out);
  return out.Take();
}

class HastyShard final : public SimShard {
 public:
  using SimShard::SimShard;
  void OnFrame(std::uint64_t wire, FrameKind kind, std::vector<std::uint8_t> body, Time now,
               Outbox& out) override {
    if (kind == FrameKind::kChunk) {
      SendToWorker(wire, FrameKind::kAck, Encoded(Ack{LoadU64(body, kSequenceAt), Store().Size()}));
    }
    SimShard::OnFrame(wire, kind, std::move(body), now, out);
  }
};

/// The shard knows the worker under another name after every cut, and its chunks by numbers that
/// begin anew; the worker is told that the last chunk stored before the cut never came.
class ForgetfulShard final : public SimShard {
 public:
  using SimShard::SimShard;

  void OnFrame(std::uint64_t wire, FrameKind kind, std::vector<std::uint8_t> body, Time now,
               Outbox& out) override {
    Known& worker = workers_[processes_.IncarnationOf(wire)];
    if (kind == FrameKind::kHello) {
      auto hello = replay::DecodeFrame<Hello>(body, "hello");
      hello.incarnation ^= worker.cuts;
      body = Encoded(hello);
    } else if (kind == FrameKind::kChunk) {
      const std::uint64_t sequence = LoadU64(body, kSequenceAt);
      if (worker.cuts > 0 && worker.fresh) worker.base = sequence - 1;
      worker.fresh = false;
      StoreU64(body, kIncarnationAt, LoadU64(body, kIncarnationAt) ^ worker.cuts);
      StoreU64(body, kSequenceAt, sequence - std::min(sequence, worker.base));
    }
    SimShard::OnFrame(wire, kind, std::move(body), now, out);
  }

  void OnLost(std::uint64_t wire, Time now) override {
    Known& worker = workers_[processes_.IncarnationOf(wire)];
    ++worker.cuts;
    worker.fresh = true;
    SimShard::OnLost(wire, now);
  }

  void Send(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body) override {
    const std::uint64_t incarnation = processes_.IncarnationOf(connection.Get());
    Known& worker = workers_[incarnation];
    if (kind == FrameKind::kAck) {
      auto ack = replay::DecodeFrame<Ack>(body, "ack");
      ack.sequence += worker.base;
      worker.newest = ack.sequence;
      body = Encoded(ack);
    } else if (kind == FrameKind::kWelcome && worker.cuts > 0) {
      auto welcome = replay::DecodeFrame<Welcome>(body, "welcome");
      welcome.last_sequence = worker.newest - std::min<std::uint64_t>(worker.newest, 1);
      body = Encoded(welcome);
    } else if (kind == FrameKind::kEvaluationTask) {
      auto task = replay::DecodeFrame<EvaluationTask>(body, "task");
      task.worker = incarnation;
      body = Encoded(task);
    }
    SimShard::Send(connection, kind, std::move(body));
  }

 private:
  struct Known {
    std::uint64_t cuts = 0;
    std::uint64_t base = 0;    ///< the shard's chunk 1 is the worker's base + 1
    std::uint64_t newest = 0;  ///< acknowledged
    bool fresh = false;        ///< no chunk since the last cut
  };
  std::map<std::uint64_t, Known> workers_;
};

class LosingShard final : public SimShard {
 public:
  using SimShard::SimShard;
  void OnFrame(std::uint64_t wire, FrameKind kind, std::vector<std::uint8_t> body, Time now,
               Outbox& out) override {
    if (kind == FrameKind::kEvaluationResult) {
      const auto result = replay::DecodeFrame<EvaluationResult>(body, "result");
      if (result.task % 3 == 0) return;
    }
    SimShard::OnFrame(wire, kind, std::move(body), now, out);
  }
};

class StaleShard final : public SimShard {
 public:
  using SimShard::SimShard;
  void Send(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body) override {
    if (kind == FrameKind::kWeightsReply) {
      auto reply = replay::DecodeFrame<WeightsReply>(body, "reply");
      if (!reply.parameters.empty()) {
        auto before = std::exchange(last_[reply.model], reply.parameters);
        if (!before.empty()) reply.parameters = std::move(before);
        body = Encoded(reply);
      }
    }
    SimShard::Send(connection, kind, std::move(body));
  }

 private:
  std::map<std::uint16_t, std::vector<float>> last_;  ///< by model
};

class DeafLauncher final : public SimProcesses::Launcher {
 public:
  using Launcher::Launcher;
  std::vector<Exit> Poll() override {
    auto exits = Launcher::Poll();
    std::erase_if(exits, [](const Exit& exit) { return exit.status != 0; });
    return exits;
  }
};

}  // namespace

const char* BugName(PlantedBug bug) { return kNames[static_cast<std::size_t>(bug)]; }

PlantedBug BugOf(const std::string& name) {
  const auto* const found = std::find(std::begin(kNames), std::end(kNames), name);
  return found == std::end(kNames) ? PlantedBug::kNone
                                   : static_cast<PlantedBug>(found - std::begin(kNames));
}

std::unique_ptr<SimShard> MakeSimShard(PlantedBug bug, SimShard::Parts parts,
                                       replay::ShardSettings settings) {
  switch (bug) {
    case PlantedBug::kAckBeforeStore:
      return std::make_unique<HastyShard>(std::move(parts), std::move(settings));
    case PlantedBug::kForgetSequence:
      return std::make_unique<ForgetfulShard>(std::move(parts), std::move(settings));
    case PlantedBug::kLostResult:
      return std::make_unique<LosingShard>(std::move(parts), std::move(settings));
    case PlantedBug::kStaleWeights:
      return std::make_unique<StaleShard>(std::move(parts), std::move(settings));
    default:
      return std::make_unique<SimShard>(std::move(parts), std::move(settings));
  }
}

std::unique_ptr<SimProcesses::Launcher> MakeLauncher(PlantedBug bug, SimProcesses& processes) {
  if (bug == PlantedBug::kUnnoticedExit) return std::make_unique<DeafLauncher>(processes);
  return std::make_unique<SimProcesses::Launcher>(processes);
}

void MessageTampering::OnSend(Envelope& envelope) {
  if (bug_ == PlantedBug::kDoubledGrant && envelope.kind == MessageKind::kSampleGrant) {
    envelope.body = Encoded(SampleGrant{DecodeBody<SampleGrant>(envelope).allowance * 2});
  }
  if (bug_ == PlantedBug::kStaleCheckpoint && envelope.kind == MessageKind::kCheckpointPart &&
      envelope.from.kind == RoleKind::kLearner) {
    auto part = DecodeBody<CheckpointPart>(envelope);
    auto state = learner::LearnerState::Decode(part.models.at(0).bytes);
    state.updates -= std::min<std::uint64_t>(state.updates, 1);
    part.models[0].bytes = state.Encode();
    envelope.body = Encoded(part);
  }
  if (bug_ == PlantedBug::kShiftedPriorities && envelope.kind == MessageKind::kPriorityUpdate) {
    auto update = DecodeBody<PriorityUpdate>(envelope);
    for (auto& handle : update.handles) ++handle;
    envelope.body = Encoded(update);
  }
  if (bug_ == PlantedBug::kDoubledCredits && envelope.kind == MessageKind::kCredit) {
    auto credit = DecodeBody<Credit>(envelope);
    credit.credits *= 2;
    envelope.body = Encoded(credit);
  }
  if (bug_ == PlantedBug::kWrongSeed && envelope.kind == MessageKind::kEvaluationTask) {
    auto task = DecodeBody<EvaluationTask>(envelope);
    if (!task.seeds.empty()) ++task.seeds.front();
    envelope.body = Encoded(task);
  }
  if (bug_ == PlantedBug::kLooseGrant && envelope.kind == MessageKind::kInsertGrant) {
    auto grant = DecodeBody<InsertGrant>(envelope);
    grant.allowance += 100;
    envelope.body = Encoded(grant);
  }
  if (bug_ == PlantedBug::kOtherGradient && envelope.kind == MessageKind::kGradientMean) {
    auto mean = DecodeBody<GradientMean>(envelope);
    mean.gradient.front() *= 1.01F;
    envelope.body = Encoded(mean);
  }
  if (bug_ != PlantedBug::kWaitForCredits) return;
  if (envelope.kind == MessageKind::kCredit) {
    credits_[envelope.from.index] += DecodeBody<Credit>(envelope).credits;
  } else if (envelope.kind == MessageKind::kLabelledBatch) {
    --credits_[envelope.to.index];
  }
}

bool MessageTampering::HoldsTeacher() const {
  return bug_ == PlantedBug::kWaitForCredits &&
         std::any_of(credits_.begin(), credits_.end(),
                     [](const auto& host) { return host.second <= 0; });
}

}  // namespace stillhouse::simulation
