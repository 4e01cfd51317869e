#include "replay/chunk_intake.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"

namespace stillhouse::replay {

ChunkIntake::ChunkIntake(ItemStore& store, const EnvironmentSpec& environment, std::uint32_t n_step,
                         std::uint32_t max_items)
    : store_(store),
      environment_(environment),
      n_step_(n_step),
      max_items_(max_items),
      coverage_(environment) {}

void ChunkIntake::Offer(ConnectionId connection, std::uint64_t incarnation,
                        std::vector<std::uint8_t> bytes, WorkerOutbox& out) {
  const ChunkView chunk(bytes, environment_, n_step_);
  if (chunk.IncarnationValue() != incarnation) {
    throw WireError(fmt::format("chunk {}: of incarnation {:016x}, the worker said {:016x}",
                                chunk.Sequence(), chunk.IncarnationValue(), incarnation));
  }
  if (chunk.Items() > max_items_) {
    throw WireError(fmt::format("chunk {}: {} items, at most {} are allowed", chunk.Sequence(),
                                chunk.Items(), max_items_));
  }
  const auto known = workers_.find(incarnation);
  if (known != workers_.end() && known->second.stored == kClosedSequence) {
    throw WireError(
        fmt::format("chunk {}: incarnation {:016x} is of before the store was dealt "
                    "out to other shards; the worker has to begin anew",
                    chunk.Sequence(), incarnation));
  }
  const std::uint64_t last = known == workers_.end() ? 0 : known->second.stored;
  if (chunk.Sequence() <= last) {
    known->second.connection = connection;
    // One that is stored and not yet durable is acknowledged when it is.
    if (chunk.Sequence() <= known->second.durable) Acknowledge(connection, incarnation, out);
    return;
  }
  if (!storing_) return;
  const auto waiting = parked_.find(connection);
  const std::uint64_t seen = last + (waiting == parked_.end() ? 0 : waiting->second.chunks.size());
  if (chunk.Sequence() <= seen) return;  // parked already: acknowledged when it is stored
  if (chunk.Sequence() != seen + 1) {
    throw WireError(fmt::format("chunk {}: {} was to follow", chunk.Sequence(), seen + 1));
  }
  if (parked_chunks_ == 0 && Fits(chunk)) {
    Store(connection, chunk);
    return Settle(out);
  }
  Parked& parked = parked_[connection];
  parked.incarnation = incarnation;
  parked.chunks.push_back(std::move(bytes));
  ++parked_chunks_;
  UpdateReading(connection, parked, out);
}

void ChunkIntake::Grant(std::uint64_t allowance, WorkerOutbox& out) {
  if (allowance <= allowance_) return;
  allowance_ = allowance;
  TakeParked(out);
}

void ChunkIntake::StopStoring(WorkerOutbox& out) {
  storing_ = false;
  for (auto& [connection, parked] : parked_) {
    parked.chunks.clear();
    UpdateReading(connection, parked, out);
  }
  parked_.clear();
  parked_chunks_ = 0;
}

void ChunkIntake::Forget(ConnectionId connection) {
  const auto found = parked_.find(connection);
  if (found == parked_.end()) return;
  parked_chunks_ -= found->second.chunks.size();
  parked_.erase(found);
}

std::uint64_t ChunkIntake::DurableSequence(std::uint64_t incarnation) const {
  const auto found = workers_.find(incarnation);
  const bool counts = found != workers_.end() && found->second.durable != kClosedSequence;
  return counts ? found->second.durable : 0;
}

WorkerSequences ChunkIntake::Sequences() const {
  WorkerSequences sequences;
  for (const auto& [incarnation, worker] : workers_) {
    sequences.emplace_back(incarnation, worker.stored);
  }
  std::sort(sequences.begin(), sequences.end());
  return sequences;
}

void ChunkIntake::UseLog(SegmentLog& log, const WorkerSequences& sequences) {
  log_ = &log;
  for (const auto& [incarnation, sequence] : sequences) {
    workers_[incarnation] = {sequence, sequence, {}};
  }
}

bool ChunkIntake::Fits(const ChunkView& chunk) const {
  return store_.Inserted() + chunk.Items() <= allowance_;
}

void ChunkIntake::Store(ConnectionId connection, const ChunkView& chunk) {
  const ItemHandle first = store_.Inserted();
  store_.Insert(chunk);
  if (log_ != nullptr) {
    log_->Append(first, chunk.Items(), chunk.Bytes(), [this] { return Sequences(); });
    log_->Retire(store_.Tail());
  }
  coverage_.Add(chunk);
  lag_.Add(newest_version_, chunk.WeightsVersion());
  Worker& worker = workers_[chunk.IncarnationValue()];
  worker.stored = chunk.Sequence();
  worker.connection = connection;
  waiting_.push_back(
      {log_ == nullptr ? 0 : log_->Submitted(), chunk.IncarnationValue(), chunk.Sequence()});
}

void ChunkIntake::Settle(WorkerOutbox& out) {
  const LogPosition done = log_ == nullptr ? 0 : log_->Done();
  advanced_.clear();
  for (; !waiting_.empty() && waiting_.front().position <= done; waiting_.pop_front()) {
    const auto found = workers_.find(waiting_.front().incarnation);
    if (found == workers_.end()) continue;  // it said goodbye meanwhile
    found->second.durable = waiting_.front().sequence;
    if (std::find(advanced_.begin(), advanced_.end(), found->first) == advanced_.end()) {
      advanced_.push_back(found->first);
    }
  }
  for (const std::uint64_t incarnation : advanced_) {
    Acknowledge(workers_.at(incarnation).connection, incarnation, out);
  }
}

void ChunkIntake::Acknowledge(ConnectionId connection, std::uint64_t incarnation,
                              WorkerOutbox& out) const {
  Ack ack;
  ack.sequence = DurableSequence(incarnation);
  ack.shard_size = store_.Size();
  SendFrame(out, connection, FrameKind::kAck, ack);
}

void ChunkIntake::UpdateReading(ConnectionId connection, Parked& parked, WorkerOutbox& out) const {
  const bool reading = parked.chunks.size() <= kMostParked;
  if (reading == parked.reading) return;
  parked.reading = reading;
  out.SetReading(connection, reading);
}

void ChunkIntake::TakeParked(WorkerOutbox& out) {
  while (!parked_.empty()) {
    auto next = parked_.upper_bound(turn_);
    if (next == parked_.end()) next = parked_.begin();
    const ConnectionId connection = next->first;
    Parked& parked = next->second;
    const ChunkView chunk(parked.chunks.front(), environment_, n_step_);
    if (!Fits(chunk)) break;
    Store(connection, chunk);
    parked.chunks.pop_front();
    --parked_chunks_;
    turn_ = connection;
    UpdateReading(connection, parked, out);
    if (parked.chunks.empty()) parked_.erase(next);
  }
  Settle(out);
}

}  // namespace stillhouse::replay
