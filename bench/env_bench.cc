// env.<id>.steps_per_s: step + observation + automatic reset on one core, uniform random actions.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "actors/env/environment_factory.h"
#include "actors/env/vector_environment.h"
#include "common/base/rng.h"

namespace stillhouse::actors {
namespace {

constexpr std::size_t kEnvironments = 32;
constexpr int kRepeats = 7;
constexpr double kRepeatSeconds = 0.4;
constexpr std::size_t kActionRows = 997;  // drawn beforehand, used in a circle

using BenchClock = std::chrono::steady_clock;

double SecondsSince(BenchClock::time_point start) {
  return std::chrono::duration<double>(BenchClock::now() - start).count();
}

// One environment kind and the actions it is fed.
class Run {
 public:
  explicit Run(const std::string& id) : environments_(Make(id)) {
    std::vector<std::uint64_t> seeds(kEnvironments);
    for (std::size_t e = 0; e < kEnvironments; ++e) seeds[e] = e;
    environments_.Reset(seeds);
    Rng rng(1);
    const auto num_actions = static_cast<std::uint64_t>(environments_.Spec().num_actions);
    for (std::size_t i = 0; i < kActionRows * kEnvironments; ++i) {
      actions_.push_back(static_cast<std::int32_t>(rng.Below(num_actions)));
    }
  }

  double StepsPerSecond() {
    const auto start = BenchClock::now();
    std::int64_t steps = 0;
    double seconds = 0;
    while ((seconds = SecondsSince(start)) < kRepeatSeconds) {
      for (int i = 0; i < 256; ++i) {
        environments_.Step(std::span(actions_).subspan(row_ * kEnvironments, kEnvironments));
        row_ = row_ + 1 == kActionRows ? 0 : row_ + 1;
      }
      steps += 256 * static_cast<std::int64_t>(kEnvironments);
      environments_.TakeFinishedEpisodes();
    }
    return static_cast<double>(steps) / seconds;
  }

 private:
  static VectorEnvironment Make(const std::string& id) {
    std::vector<std::unique_ptr<Environment>> environments;
    for (std::size_t e = 0; e < kEnvironments; ++e) environments.push_back(MakeEnvironment(id));
    return VectorEnvironment(std::move(environments));
  }

  VectorEnvironment environments_;
  std::vector<std::int32_t> actions_;
  std::size_t row_ = 0;
};

void Measure(const std::string& id) {
  Run run(id);
  run.StepsPerSecond();  // warm-up
  std::vector<double> rates;
  for (int i = 0; i < kRepeats; ++i) rates.push_back(run.StepsPerSecond());
  std::sort(rates.begin(), rates.end());
  fmt::print(
      "{{\"name\":\"env.{}.steps_per_s\",\"value\":{:.0f},\"unit\":\"steps/s\","
      "\"higher_is_better\":true,\"conditions\":\"one thread, {} environments stepped together, "
      "step + packed observation + automatic reset, uniform random actions, sticky 0.1 and "
      "ramping where they exist, median of {} repeats of {} s, min {:.0f} max {:.0f}\"}}\n",
      id, rates[rates.size() / 2], kEnvironments, kRepeats, kRepeatSeconds, rates.front(),
      rates.back());
}

}  // namespace
}  // namespace stillhouse::actors

int main() {
  for (const auto& info : stillhouse::actors::BuiltInEnvironments()) {
    if (!info.needs_files) stillhouse::actors::Measure(info.id);
  }
  return 0;
}
