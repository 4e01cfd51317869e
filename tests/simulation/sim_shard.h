#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "replay/shard.h"
#include "tests/simulation/item_ledger.h"
#include "tests/simulation/planted_bug.h"
#include "tests/simulation/priority_ledger.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/sim_processes.h"
#include "tests/simulation/wires.h"

namespace stillhouse::simulation {

/// A production shard and its driver's part: announces itself, hands frames in and out, and has
/// the ledger look at the store after every call. A seam for planted bugs: what passes between
/// connections and shard passes here.
class SimShard : public Role, public replay::WorkerOutbox {
 public:
  /// What it is joined to; all borrowed.
  struct Parts {
    World& world;
    Wires& wires;
    const SimProcesses& processes;
    ItemLedger& items;
    PriorityLedger& priorities;
    SimFolder* folder = nullptr;  ///< nullptr: it keeps no log
    std::unique_ptr<SimDevice> device;
    /// Its process is there and not stopped; no device wakes it otherwise.
    std::function<bool()> awake;
  };
  SimShard(Parts parts, replay::ShardSettings settings);
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
  /// The log's device has come further.
  void OnProgress();
  /// Its process ends in order.
  void CloseLog();
  /// Its process is dead.
  void TearLog();

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

  PriorityLedger& priorities_;
  std::unique_ptr<SimDevice> device_;
  std::function<bool()> awake_;
  std::size_t index_;
  replay::Shard shard_;
  std::set<std::uint64_t> answered_;  ///< tasks whose results have come
  bool announced_ = false;
  /// (model, version) -> checksum of its parameters as published.
  std::map<std::pair<std::uint16_t, std::uint64_t>, std::uint32_t> published_;
};

/// The shard of a run with this bug in it.
std::unique_ptr<SimShard> MakeSimShard(PlantedBug bug, SimShard::Parts parts,
                                       replay::ShardSettings settings);

}  // namespace stillhouse::simulation
