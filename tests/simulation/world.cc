#include "tests/simulation/world.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/base/crc32c.h"

namespace stillhouse::simulation {
namespace {
/// One broken rule breaks others: the first few say it all.
constexpr std::size_t kMostViolations = 20;

std::string At(Time now) { return fmt::format("{:12.6f} ", Seconds(now)); }
}  // namespace

FaultPlan FaultPlan::Draw(Rng& rng) {
  const auto some = [&rng](double share, double most) {
    return rng.Uniform() < share ? rng.Uniform() * most : 0.0;
  };
  FaultPlan plan;
  plan.delay_message = some(0.6, 0.01);
  plan.delay_frame = some(0.6, 0.02);
  plan.cut_frame = some(0.6, 0.01);
  plan.cut_at_ack = some(0.6, 0.1);
  plan.split_frame = some(0.5, 0.3);
  plan.stops = static_cast<int>(rng.Below(4));
  plan.worker_kills = static_cast<int>(rng.Below(4));
  plan.pauses = static_cast<int>(rng.Below(3));
  plan.leaps = static_cast<int>(rng.Below(4));
  plan.stop_for_good = rng.Below(10) == 0;
  plan.kill_shard = rng.Below(4) == 0;
  plan.guest = rng.Below(2) == 0;
  plan.slow_disk = some(0.4, 0.02);
  plan.refuse_disk = rng.Below(5) == 0;
  plan.lose_power = some(0.9, 1.5);
  plan.duplicate_frame = some(0.4, 0.05);
  Rng aside = rng;  // not of the stream: what the seed draws next is what it always drew
  plan.rank_dies = aside.Below(4) == 0;
  // Some fault there is in any case.
  plan.delay_message = std::max(plan.delay_message, 0.002);
  return plan;
}

void Trace::Mix(std::uint64_t value) {
  std::uint64_t state = hash_ ^ value;
  hash_ = SplitMix64(state);
}

void Trace::Mix(std::string_view text) {
  Mix(Crc32c({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

void Trace::Message(Time now, std::string_view event, RoleAddress from, RoleAddress to,
                    MessageKind kind, std::span<const std::uint8_t> body) {
  const std::uint32_t crc = Crc32c(body);
  Mix(static_cast<std::uint64_t>(now.count()));
  Mix(event);
  Mix((std::uint64_t{static_cast<std::uint8_t>(from.kind)} << 56U) |
      (std::uint64_t{from.index} << 40U) |
      (std::uint64_t{static_cast<std::uint8_t>(to.kind)} << 32U) |
      (std::uint64_t{to.index} << 16U) | static_cast<std::uint8_t>(kind));
  Mix((std::uint64_t{crc} << 32U) | body.size());
  if (log_ == nullptr) return;
  *log_ += At(now) + fmt::format("{} {} {} -> {} {} bytes {:08x}\n", event, MessageName(kind),
                                 from.ToString(), to.ToString(), body.size(), crc);
}

void Trace::Frame(Time now, std::string_view event, std::uint64_t wire, FrameKind kind,
                  std::span<const std::uint8_t> body) {
  const std::uint32_t crc = Crc32c(body);
  Mix(static_cast<std::uint64_t>(now.count()));
  Mix(event);
  Mix((wire << 8U) | static_cast<std::uint8_t>(kind));
  Mix((std::uint64_t{crc} << 32U) | body.size());
  if (log_ == nullptr) return;
  *log_ += At(now) + fmt::format("{} {} connection {} {} bytes {:08x}\n", event, FrameName(kind),
                                 wire, body.size(), crc);
}

void Trace::Note(Time now, const std::string& text) {
  Mix(static_cast<std::uint64_t>(now.count()));
  Mix(text);
  if (log_ != nullptr) *log_ += At(now) + text + '\n';
}

void World::Violation(std::string text) {
  Note("VIOLATION: " + text);
  if (violations.size() < kMostViolations) {
    violations.push_back(fmt::format("at {:.6f} s: {}", Seconds(Now()), text));
  }
}

}  // namespace stillhouse::simulation
