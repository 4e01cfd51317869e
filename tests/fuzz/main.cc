// fuzz_test [--list | --target=NAME [--input=FILE | --keep=FOLDER] [--inputs=N] [--seed=N]]
//           [gtest's own options]
// Without a target it runs the tests. With one it reads N changed inputs (of all targets with
// --target=all), or the one in FILE; --keep writes those that were answered in a new way to FOLDER.
// Ends with 1 when an input does harm. See docs/fuzzing.md.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/base/crc32c.h"
#include "tests/fuzz/fuzzer.h"

namespace {

using namespace stillhouse::fuzz;

struct Command {
  std::string target;
  std::string input;
  std::string keep;
  FuzzOptions options;
};

int ReadOne(const FuzzTarget& target, const std::string& file) {
  const Reading reading = ReadOnce(target, ReadInput(file));
  fmt::print("{}: {}{}{}, {} bytes of memory\n", target.name,
             reading.accepted ? "accepted" : "refused", reading.why.empty() ? "" : ": ",
             reading.why, reading.memory);
  if (reading.problem.empty()) return 0;
  fmt::print(stderr, "{}\n", reading.problem);
  return 1;
}

int ReadMany(const FuzzTarget& target, const Command& command) {
  const FuzzResult result = Fuzz(target, command.options);
  fmt::print("{}: {} inputs in {:.1f} s, {} accepted, {} answered in a new way, {} bytes held\n",
             target.name, result.inputs, result.seconds, result.accepted, result.found.size(),
             result.memory);
  std::fflush(stdout);
  if (!command.keep.empty()) {
    for (const Bytes& input : result.found) {
      const auto name = fmt::format("{}/{:08x}", command.keep, stillhouse::Crc32c(input));
      std::ofstream out(name, std::ios::binary);
      out.write(reinterpret_cast<const char*>(input.data()),
                static_cast<std::streamsize>(input.size()));
    }
  }
  if (result.problem.empty()) return 0;
  fmt::print(stderr, "{}\n", result.problem);
  return 1;
}

int Run(const Command& command) {
  int status = 2;
  for (const auto& target : AllTargets()) {
    if (command.target != "all" && command.target != target.name) continue;
    const int ended =
        command.input.empty() ? ReadMany(target, command) : ReadOne(target, command.input);
    status = status == 2 ? ended : std::max(status, ended);
  }
  if (status == 2) fmt::print(stderr, "unknown target {}; see --list\n", command.target);
  return status;
}

/// "--name=VALUE" of the command line.
std::optional<std::string> Value(const std::string& argument, const std::string& name) {
  const std::string before = "--" + name + "=";
  if (!argument.starts_with(before)) return std::nullopt;
  return argument.substr(before.size());
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  KeepInputsThatKill();
  Command command;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (const auto target = Value(argument, "target")) {
      command.target = *target;
    } else if (const auto input = Value(argument, "input")) {
      command.input = *input;
    } else if (const auto keep = Value(argument, "keep")) {
      command.keep = *keep;
    } else if (const auto inputs = Value(argument, "inputs")) {
      command.options.inputs = std::strtoull(inputs->c_str(), nullptr, 10);
    } else if (const auto seed = Value(argument, "seed")) {
      command.options.seed = std::strtoull(seed->c_str(), nullptr, 10);
    } else if (argument == "--list") {
      for (const auto& one : AllTargets()) fmt::print("{}\n", one.name);
      return 0;
    } else {
      fmt::print(stderr, "unknown option {}\n", argument);
      return 2;
    }
  }
  return command.target.empty() ? RUN_ALL_TESTS() : Run(command);
}
