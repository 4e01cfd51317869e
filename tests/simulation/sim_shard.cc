#include "tests/simulation/sim_shard.h"

#include <set>
#include <utility>

#include "common/base/crc32c.h"
#include "common/messages/labels.h"

namespace stillhouse::simulation {
namespace {

std::uint32_t ChecksumOf(const std::vector<float>& values) {
  return Crc32c({reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * 4});
}

/// Reasons for which a shard may close the connection of a worker that keeps to the rules.
bool IsAllowed(std::string_view reason) {
  static const std::set<std::string_view> kAllowed = {"goodbye", "the run is over",
                                                      "the worker has connected again"};
  return kAllowed.contains(reason);
}

}  // namespace

SimShard::SimShard(Parts parts, replay::ShardSettings settings)
    : world_(parts.world),
      wires_(parts.wires),
      processes_(parts.processes),
      ledger_(parts.items),
      priorities_(parts.priorities),
      device_(std::move(parts.device)),
      awake_(std::move(parts.awake)),
      index_(settings.index),
      shard_(settings, *this, {parts.folder, device_.get()}) {
  for (const auto& note : shard_.TakeNotes()) {
    world_.Note(fmt::format("shard {}: {}", index_, note));
  }
  if (!device_) return;
  ledger_.OnRecovered(index_, Store());
  priorities_.OnRecovered(index_, Store());
}

void SimShard::OnProgress() {
  if (awake_()) shard_.Settle();
}

void SimShard::CloseLog() {
  if (device_) device_->Drain();
}

void SimShard::TearLog() {
  if (device_) device_->Die();
}

void SimShard::Handle(const Envelope& envelope, Time now, Outbox& out) {
  if (envelope.kind == MessageKind::kWeightsPublish) {
    const auto publish = DecodeBody<WeightsPublish>(envelope);
    const std::uint32_t crc = ChecksumOf(publish.parameters);
    const auto [known, fresh] = published_.emplace(std::pair(publish.model, publish.version), crc);
    if (!fresh && known->second != crc) {
      world_.Violation(fmt::format("model {} version {} is published with other parameters",
                                   publish.model, publish.version));
    }
  }
  if (envelope.kind == MessageKind::kCheckpointRequest) priorities_.OnCheckpointRequest(index_);
  shard_.Handle(envelope, now, out);
  ledger_.Look(index_, Store());
  if (envelope.kind == MessageKind::kPriorityUpdate && !shard_.Finished()) {
    priorities_.OnUpdate(index_, DecodeBody<PriorityUpdate>(envelope), Store());
  }
}

void SimShard::Tick(Time now, Outbox& out) {
  if (!announced_) {
    announced_ = true;
    SendTo(out, Address(), kCoordinatorAddress, Endpoint{AddressOf(index_)});
  }
  shard_.Tick(now, out);
}

void SimShard::OnArrived(FrameKind kind, std::span<const std::uint8_t> body) {
  const bool again =
      (kind == FrameKind::kChunk && !ledger_.OnArrived(index_, body)) ||
      (kind == FrameKind::kEvaluationResult &&
       !answered_.insert(replay::DecodeFrame<EvaluationResult>(body, "").task).second);
  if (again) world_.coverage.Hit(Fault::kDuplicated, kind);
}

void SimShard::OnConnect(std::uint64_t wire, Time now) {
  shard_.OnConnect(ConnectionId(wire), now);
}

void SimShard::OnFrame(std::uint64_t wire, FrameKind kind, std::vector<std::uint8_t> body, Time now,
                       Outbox& out) {
  shard_.OnFrame(ConnectionId(wire), kind, std::move(body), now, out);
  ledger_.Look(index_, Store());
}

void SimShard::OnLost(std::uint64_t wire, Time now) {
  shard_.OnDisconnect(ConnectionId(wire), now);
}

void SimShard::Send(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body) {
  SendToWorker(connection.Get(), kind, body);
}

void SimShard::SendToWorker(std::uint64_t wire, FrameKind kind,
                            std::span<const std::uint8_t> body) {
  if (kind == FrameKind::kAck) {
    ledger_.Look(index_, Store());
    const std::uint64_t incarnation = processes_.IncarnationOf(wire);
    const auto ack = replay::DecodeFrame<Ack>(body, "ack");
    if (incarnation != 0) ledger_.OnAck(index_, incarnation, ack.sequence);
  } else if (kind == FrameKind::kWelcome) {
    // It says what is stored: an acknowledgement.
    const std::uint64_t incarnation = processes_.IncarnationOf(wire);
    const auto welcome = replay::DecodeFrame<Welcome>(body, "welcome");
    if (incarnation != 0) ledger_.OnAck(index_, incarnation, welcome.last_sequence);
  } else if (kind == FrameKind::kWeightsReply) {
    CheckWeights(replay::DecodeFrame<WeightsReply>(body, "weights reply"));
  }
  wires_.Send(wire, Side::kShard, kind, body);
}

void SimShard::CheckWeights(const WeightsReply& reply) {
  if (reply.parameters.empty()) return;
  const auto found = published_.find({reply.model, reply.version});
  if (found == published_.end() || found->second != ChecksumOf(reply.parameters)) {
    world_.Violation(
        fmt::format("shard {} hands out model {} version {}, which is not what was "
                    "published",
                    index_, reply.model, reply.version));
  }
}

void SimShard::Close(ConnectionId connection, std::string_view reason) {
  world_.Note(fmt::format("shard {} closes connection {}: {}", index_, connection.Get(), reason));
  if (!IsAllowed(reason)) {
    world_.Violation(
        fmt::format("shard {} closes connection {}: {}", index_, connection.Get(), reason));
  }
  wires_.Close(connection.Get(), Side::kShard);
}

void SimShard::SetReading(ConnectionId connection, bool reading) {
  wires_.SetReading(connection.Get(), reading);
}

}  // namespace stillhouse::simulation
