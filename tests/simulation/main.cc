// simulation_test [--seed=N [--bug=NAME] | --first=N --schedules=N | --scale=WORKERS,SHARDS,HOSTS]
//                 [gtest's own options]
// With a seed: plays that one schedule, writes all of it to standard output and what is wrong with
// it to standard error. With a number of schedules: plays so many, beyond those of the tests, and
// names those in which something is wrong. Ends with 1 when something is. With a size: plays a job
// of so many workers, shards and actor hosts without faults, and prints how many messages of each
// kind a virtual second has, beside what docs/scaling.md says of them.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tests/simulation/scale.h"
#include "tests/simulation/schedule.h"

namespace {

using namespace stillhouse::simulation;

/// A failed SH_CHECK aborts: the seed is worth more than the core.
void SayWhichSeed(int) {
  std::fprintf(stderr, "aborted; replay it with: %s\n",
               ReplayCommand(CurrentSeed(), PlantedBug::kNone).c_str());
  std::_Exit(134);
}

void Say(const ScheduleResult& result) {
  for (const auto& violation : result.violations) std::fprintf(stderr, "%s\n", violation.c_str());
}

int PlayOne(std::uint64_t seed, PlantedBug bug) {
  std::string log;
  const auto result = RunSchedule(seed, {.bug = bug, .log = &log});
  std::fwrite(log.data(), 1, log.size(), stdout);
  std::printf("hash %016llx\n", static_cast<unsigned long long>(result.hash));
  Say(result);
  return result.violations.empty() ? 0 : 1;
}

int PlayMany(std::uint64_t first, std::uint64_t schedules) {
  std::uint64_t wrong = 0;
  for (std::uint64_t seed = first; seed < first + schedules; ++seed) {
    const auto result = RunSchedule(seed);
    if (result.violations.empty()) continue;
    ++wrong;
    Say(result);
    std::fprintf(stderr, "replay it with: %s\n", ReplayCommand(seed, PlantedBug::kNone).c_str());
  }
  std::printf("%llu schedules, something is wrong in %llu\n",
              static_cast<unsigned long long>(schedules), static_cast<unsigned long long>(wrong));
  return wrong == 0 ? 0 : 1;
}

int PlayScale(const std::string& text) {
  JobScale scale;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%u,%u,%u%c", &scale.workers, &scale.shards, &scale.actor_hosts,
                  &rest) != 3) {
    std::fprintf(stderr, "--scale=%s: want WORKERS,SHARDS,HOSTS\n", text.c_str());
    return 2;
  }
  const auto rates = MeasureScale(scale);
  std::fputs(ScaleTable(rates).c_str(), stdout);
  return rates.violations.empty() ? 0 : 1;
}

/// "--name=VALUE" of the command line.
std::optional<std::string> Value(const std::string& argument, const std::string& name) {
  const std::string before = "--" + name + "=";
  if (!argument.starts_with(before)) return std::nullopt;
  return argument.substr(before.size());
}

std::uint64_t Number(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 10); }

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGABRT, SayWhichSeed);
  ::testing::InitGoogleTest(&argc, argv);
  std::optional<std::uint64_t> seed;
  std::optional<std::uint64_t> schedules;
  std::uint64_t first = 1;
  PlantedBug bug = PlantedBug::kNone;
  for (int i = 1; i < argc; ++i) {
    if (const auto value = Value(argv[i], "seed")) {
      seed = Number(*value);
    } else if (const auto count = Value(argv[i], "schedules")) {
      schedules = Number(*count);
    } else if (const auto from = Value(argv[i], "first")) {
      first = Number(*from);
    } else if (const auto size = Value(argv[i], "scale")) {
      return PlayScale(*size);
    } else if (const auto name = Value(argv[i], "bug")) {
      bug = BugOf(*name);
      if (bug == PlantedBug::kNone) {
        std::fprintf(stderr, "unknown bug %s\n", name->c_str());
        return 2;
      }
    } else {
      std::fprintf(stderr, "unknown option %s\n", argv[i]);
      return 2;
    }
  }
  if (seed) return PlayOne(*seed, bug);
  return schedules ? PlayMany(first, *schedules) : RUN_ALL_TESTS();
}
