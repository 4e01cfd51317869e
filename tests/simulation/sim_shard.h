#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "replay/shard.h"
#include "tests/simulation/item_ledger.h"
#include "tests/simulation/planted_bug.h"
#include "tests/simulation/sim_processes.h"
#include "tests/simulation/wires.h"

namespace stillhouse::simulation {

/// A production shard and its driver's part: announces itself, hands frames in and out, and has
/// the ledger look at the store after every call. A seam for planted bugs: what passes between
/// connections and shard passes here.
class SimShard : public Role, public replay::WorkerOutbox {
 public:
  SimShard(World& world, Wires& wires, const SimProcesses& processes, ItemLedger& ledger,
           replay::ShardSettings settings);
  ~SimShard() override = default;

  RoleAddress Address() const override { return shard_.Address(); }
  void Handle(const Envelope& envelope, Time now, Outbox& out) override;
  void Tick(Time now, Outbox& out) override;

  void OnConnect(std::uint64_t wire, Time now);
  /// A frame as it comes off the wire, before anything else has seen it.
  void OnArrived(FrameKind kind, std::span<const std::uint8_t> body);
  virtual void OnFrame(std::uint64_t wire, FrameKind kind, std::vector<std::uint8_t> body, Time now,
                       Outbox& out);
  virtual void OnLost(std::uint64_t wire, Time now);
  const replay::ItemStore& Store() const { return shard_.Store(); }

  void Send(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body) override;
  void Close(ConnectionId connection, std::string_view reason) override;
  void SetReading(ConnectionId connection, bool reading) override;

 protected:
  /// What a worker gets is what the ledger sees.
  void SendToWorker(std::uint64_t wire, FrameKind kind, std::span<const std::uint8_t> body);

  World& world_;
  Wires& wires_;
  const SimProcesses& processes_;
  ItemLedger& ledger_;

 private:
  void CheckWeights(const WeightsReply& reply);

  std::size_t index_;
  replay::Shard shard_;
  std::set<std::uint64_t> answered_;  ///< tasks whose results have come
  bool announced_ = false;
  /// (model, version) -> checksum of its parameters as published.
  std::map<std::pair<std::uint16_t, std::uint64_t>, std::uint32_t> published_;
};

/// The shard of a run with this bug in it.
std::unique_ptr<SimShard> MakeSimShard(PlantedBug bug, World& world, Wires& wires,
                                       const SimProcesses& processes, ItemLedger& ledger,
                                       replay::ShardSettings settings);

}  // namespace stillhouse::simulation
