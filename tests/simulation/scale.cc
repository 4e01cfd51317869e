#include "tests/simulation/scale.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/config/worker_shards.h"
#include "tests/simulation/cluster.h"

namespace stillhouse::simulation {
namespace {

/// Updates until the first filling is over, and every worker has its weights.
constexpr std::uint64_t kUpdatesBefore = 200;
constexpr Time kLongestStart = std::chrono::seconds(120);

/// What docs/scaling.md says of a second of `rates`.
struct Expected {
  explicit Expected(const ScaleRates& rates)
      : updates(rates.updates),
        inserts(rates.inserts),
        workers(rates.scale.workers),
        connections(workers * ShardsPerWorker(rates.scale.shards_per_worker, rates.scale.workers,
                                              rates.scale.shards)),
        shards(rates.scale.shards),
        hosts(rates.scale.actor_hosts) {}

  void Say(MessageKind kind, MessageRate& rate) const {
    // The teacher and two students publish; students keep up with the teacher.
    const double versions = 3 * updates / kScalePublishEvery;
    switch (kind) {
      case MessageKind::kSampleRequest:
      case MessageKind::kSampleReply:
        return Exactly(updates * shards, rate);
      case MessageKind::kPriorityUpdate:
        return AtMost(updates * std::min<double>(shards, kScaleBatch), rate);
      case MessageKind::kWeightsPublish:
        return Exactly(versions * shards, rate);
      case MessageKind::kLabelledBatch:
        return Exactly(updates * 2, rate);
      case MessageKind::kCredit:
        return AtMost(updates * 2, rate);
      case MessageKind::kShardReport:
        return AtMost(shards * 500, rate);
      case MessageKind::kHostReport:
        return Exactly(hosts, rate);
      case MessageKind::kRankReport:
        return Exactly(1 + 2 + shards + hosts, rate);
      default:
        return;
    }
  }
  void Say(FrameKind kind, MessageRate& rate) const {
    const double versions = updates / kScalePublishEvery;
    switch (kind) {
      case FrameKind::kChunk:
        // Fewer, while what was sent before the rate limiter set in is still being stored.
        return AtMost(inserts / kScaleChunkSteps, rate);
      case FrameKind::kAck:
        return Exactly(inserts / kScaleChunkSteps, rate);
      case FrameKind::kStatus:
        // Ten a second, and one as soon as the teacher has a new version.
        return Within(connections * 10, connections * (10 + versions), rate);
      case FrameKind::kWorkerReport:
        return Exactly(workers * 2, rate);
      case FrameKind::kWeightsRequest:
      case FrameKind::kWeightsReply:
        return AtMost(workers * versions, rate);
      default:
        return;
    }
  }
  static void Exactly(double value, MessageRate& rate) { Within(value, value, rate); }
  static void Within(double least, double most, MessageRate& rate) {
    rate.least = least;
    rate.most = most;
  }
  static void AtMost(double value, MessageRate& rate) { Within(0, value, rate); }

  double updates;
  double inserts;
  double workers;
  double connections;
  double shards;
  double hosts;
};

template <typename Kind>
void AddKinds(std::size_t count, const Coverage& before, const Coverage& after,
              const Expected& expected, const char* (*name)(Kind), ScaleRates& rates) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto kind = static_cast<Kind>(i);
    const auto delivered = after.DeliveredOf(kind) - before.DeliveredOf(kind);
    if (delivered == 0) continue;
    MessageRate rate;
    rate.name = name(kind);
    rate.counted = static_cast<double>(delivered) / rates.seconds;
    rate.bytes = static_cast<double>(after.BytesOf(kind) - before.BytesOf(kind)) / rates.seconds;
    expected.Say(kind, rate);
    rates.kinds.push_back(std::move(rate));
  }
}

std::string ExpectedText(const MessageRate& rate) {
  if (rate.most == 0) return "-";
  if (rate.least == 0) return fmt::format("<= {:.0f}", rate.most);
  if (rate.least == rate.most) return fmt::format("{:.0f}", rate.most);
  return fmt::format("{:.0f}-{:.0f}", rate.least, rate.most);
}

}  // namespace

ScaleRates MeasureScale(const JobScale& scale, double seconds) {
  World world(1);
  world.faults = {};
  const cli::Job job = ScaleJob(scale);
  Disk disk;
  Ledgers ledgers(world, job);
  Cluster cluster(job, world, disk, ledgers, PlantedBug::kNone);
  ScaleRates rates;
  rates.scale = scale;
  while (cluster.Updates() < kUpdatesBefore && world.violations.empty()) {
    if (!cluster.Step() || world.Now() > kLongestStart) {
      world.Violation(
          fmt::format("{} updates after {:.0f} s", cluster.Updates(), Seconds(world.Now())));
    }
  }
  const Coverage before = world.coverage;
  const Time begin = world.Now();
  const std::uint64_t updates = cluster.Updates();
  const std::uint64_t inserted = cluster.Inserted();
  const Time end = begin + Time(static_cast<std::int64_t>(seconds * 1e9));
  while (world.Now() < end && world.violations.empty() && cluster.Step()) {
  }
  rates.seconds = Seconds(world.Now() - begin);
  rates.updates = static_cast<double>(cluster.Updates() - updates) / rates.seconds;
  rates.inserts = static_cast<double>(cluster.Inserted() - inserted) / rates.seconds;
  rates.workers = static_cast<double>(cluster.WorkersAlive());
  const Expected expected(rates);
  AddKinds<MessageKind>(Coverage::kMessages, before, world.coverage, expected, MessageName, rates);
  AddKinds<FrameKind>(Coverage::kFrames, before, world.coverage, expected, FrameName, rates);
  rates.violations = world.violations;
  return rates;
}

std::string ScaleTable(const ScaleRates& rates) {
  std::string text = fmt::format(
      "{} workers ({:.0f} alive), {} shards, {} actor hosts: {:.0f} updates/s, {:.0f} "
      "transitions/s\n"
      "{:<24}{:>12}{:>14}{:>16}\n",
      rates.scale.workers, rates.workers, rates.scale.shards, rates.scale.actor_hosts,
      rates.updates, rates.inserts, "a virtual second", "messages", "bytes", "expected");
  for (const auto& kind : rates.kinds) {
    text += fmt::format("{:<24}{:>12.0f}{:>14.0f}{:>16}\n", kind.name, kind.counted, kind.bytes,
                        ExpectedText(kind));
  }
  for (const auto& violation : rates.violations) text += violation + "\n";
  return text;
}

}  // namespace stillhouse::simulation
