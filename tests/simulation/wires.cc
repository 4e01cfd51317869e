#include "tests/simulation/wires.h"

#include <utility>

#include "common/base/error.h"

namespace stillhouse::simulation {
namespace {
using namespace std::chrono_literals;
/// A cut is noticed at once (a reset) or after a while (silence).
constexpr Time kLatestNotice = 150ms;
}  // namespace

std::uint64_t Wires::Open(std::uint64_t process, std::uint64_t shard) {
  const std::uint64_t number = next_wire_++;
  Wire& wire = wires_[number];
  wire.ends[At(Side::kShard)] = shard;
  wire.ends[At(Side::kWorker)] = process;
  return number;
}

Wires::Wire* Wires::Find(std::uint64_t wire) {
  const auto found = wires_.find(wire);
  return found == wires_.end() ? nullptr : &found->second;
}

std::set<std::uint64_t>& Wires::Coming(const Wire& wire, Side to) {
  return coming_[{to, wire.ends[At(to)]}];
}

void Wires::Send(std::uint64_t number, Side from, FrameKind kind,
                 std::span<const std::uint8_t> body) {
  Wire* const wire = Find(number);
  if (wire == nullptr || !wire->open[At(from)]) return;
  const Side to = Other(from);
  Direction& direction = wire->to[At(to)];
  if (direction.lost) return world_.coverage.Hit(Fault::kLost, kind);
  world_.trace.Frame(world_.Now(), from == Side::kShard ? "shard sends" : "worker sends", number,
                     kind, body);
  const std::uint64_t frame = next_frame_++;
  direction.frames.push_back({frame, kind});
  Coming(*wire, to).insert(frame);

  Time takes = world_.Latency();
  if (world_.Chance(world_.faults.delay_frame)) {
    takes += world_.Between({}, kLongestDelay);
    world_.coverage.Hit(Fault::kDelayed, kind);
  }
  const auto header = MakeFrameHeader(static_cast<std::uint8_t>(kind), body);
  std::vector<std::uint8_t> bytes(header.begin(), header.end());
  bytes.insert(bytes.end(), body.begin(), body.end());
  const auto arrive = [&](Time when, std::vector<std::uint8_t> piece) {
    direction.last_arrival = std::max(direction.last_arrival, when);
    world_.events.At(direction.last_arrival,
                     [this, number, to, piece = std::move(piece)]() mutable {
                       Arrive(number, to, std::move(piece));
                     });
  };
  if (world_.Chance(world_.faults.split_frame)) {
    const auto half = static_cast<std::ptrdiff_t>(world_.rng.Below(bytes.size()));
    arrive(world_.Now() + takes, {bytes.begin(), bytes.begin() + half});
    bytes.erase(bytes.begin(), bytes.begin() + half);
    takes += world_.Latency();
  }
  arrive(world_.Now() + takes, std::move(bytes));
  if (kind == FrameKind::kAck && world_.Chance(world_.faults.cut_at_ack)) {
    Cut(number, Fault::kCutAtAck);
  } else if (world_.Chance(world_.faults.cut_frame)) {
    world_.events.After(world_.Between({}, takes), [this, number] { Cut(number, Fault::kLost); });
  }
}

void Wires::Arrive(std::uint64_t number, Side to, std::vector<std::uint8_t> bytes) {
  Wire* const wire = Find(number);
  if (wire == nullptr || wire->to[At(to)].lost || !wire->open[At(to)]) return;
  wire->to[At(to)].unread.push_back(std::move(bytes));
  Drain(number, to);
}

void Wires::Drain(std::uint64_t number, Side to) {
  Wire* wire = Find(number);
  if (wire == nullptr || wire->to[At(to)].delivering) return;
  wire->to[At(to)].delivering = true;
  while (wire != nullptr && wire->open[At(to)] && wire->to[At(to)].reading) {
    Direction& direction = wire->to[At(to)];
    const auto frame = direction.parser.Next();
    if (!frame) {
      if (direction.unread.empty()) break;
      direction.parser.Append(direction.unread.front());
      direction.unread.pop_front();
      continue;
    }
    SH_CHECK(!direction.frames.empty(), "a frame that nobody sent");
    const UnderWay sent = direction.frames.front();
    direction.frames.pop_front();
    auto& coming = Coming(*wire, to);
    if (*coming.begin() < sent.number) world_.coverage.Hit(Fault::kReordered, sent.kind);
    coming.erase(sent.number);
    const auto kind = static_cast<FrameKind>(frame->kind);
    world_.coverage.Delivered(kind, frame->body.size());
    world_.trace.Frame(world_.Now(), to == Side::kShard ? "shard gets" : "worker gets", number,
                       kind, frame->body);
    // The reader may close the connection, or all of them; the body must outlive that.
    const std::vector<std::uint8_t> body(frame->body.begin(), frame->body.end());
    ends_.OnWireFrame(number, to, kind, body);
    wire = Find(number);
  }
  if (wire != nullptr) wire->to[At(to)].delivering = false;
}

void Wires::SetReading(std::uint64_t number, bool reading) {
  Wire* const wire = Find(number);
  if (wire == nullptr) return;
  wire->to[At(Side::kShard)].reading = reading;
  if (reading) world_.events.After({}, [this, number] { Drain(number, Side::kShard); });
}

void Wires::Lose(Wire& wire, Side to, Fault fault) {
  Direction& direction = wire.to[At(to)];
  if (!direction.lost) {
    for (const UnderWay& frame : direction.frames) {
      Coming(wire, to).erase(frame.number);
      world_.coverage.Hit(fault, frame.kind);
    }
  }
  direction.frames.clear();
  direction.unread.clear();
  direction.lost = true;
}

void Wires::NoticeAt(std::uint64_t number, Side at, Time when) {
  world_.events.At(when, [this, number, at] {
    Wire* const wire = Find(number);
    if (wire == nullptr || !wire->open[At(at)]) return;
    // Nothing that was still to be read is read now.
    Lose(*wire, at, Fault::kLost);
    wire->open[At(at)] = false;
    const bool gone = !wire->open[At(Other(at))];
    if (gone) wires_.erase(number);
    ends_.OnWireLost(number, at);
  });
}

void Wires::Cut(std::uint64_t number, Fault fault) {
  Wire* const wire = Find(number);
  if (wire == nullptr) return;
  world_.Note(fmt::format("connection {} is cut ({})", number, FaultName(fault)));
  for (const Side side : {Side::kShard, Side::kWorker}) {
    Lose(*wire, side, fault);
    const bool at_once = world_.rng.Below(2) == 0;
    NoticeAt(number, side,
             world_.Now() + (at_once ? world_.Latency() : world_.Between({}, kLatestNotice)));
  }
}

void Wires::Close(std::uint64_t number, Side by) {
  Wire* const wire = Find(number);
  if (wire == nullptr || !wire->open[At(by)]) return;
  wire->open[At(by)] = false;
  Direction& in = wire->to[At(by)];
  for (const UnderWay& frame : in.frames) Coming(*wire, by).erase(frame.number);
  in.frames.clear();
  in.lost = true;
  if (!wire->open[At(Other(by))]) {
    wires_.erase(number);
    return;
  }
  const Time last = wire->to[At(Other(by))].last_arrival;
  NoticeAt(number, Other(by), std::max(last, world_.Now()) + world_.Latency());
}

void Wires::Die(std::uint64_t number, Side at, Fault fault) {
  Wire* const wire = Find(number);
  if (wire == nullptr) return;
  const Side other = Other(at);
  Lose(*wire, at, fault);
  if (world_.rng.Below(2) == 0) Lose(*wire, other, fault);
  Close(number, at);
}

void Wires::DropAll(Fault fault) {
  for (auto& [number, wire] : wires_) {
    Lose(wire, Side::kShard, fault);
    Lose(wire, Side::kWorker, fault);
  }
  wires_.clear();
  coming_.clear();
}

std::vector<std::uint64_t> Wires::All() const {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, wire] : wires_) numbers.push_back(number);
  return numbers;
}

}  // namespace stillhouse::simulation
