// stillhouse-worker: one worker process. Started by actor hosts and by `stillhouse actor`;
// the token comes through the standard input, or in the environment variable STILLHOUSE_TOKEN.
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>

#include "actors/actor_driver.h"
#include "actors/env/environment_factory.h"
#include "actors/process_launcher.h"
#include "common/base/error.h"
#include "common/base/secret.h"

namespace stillhouse {
namespace {

constexpr int kFailed = 1;
constexpr int kRefused = 2;
constexpr int kTerminated = 128 + SIGTERM;

/// The encoded EnvironmentSpec in hexadecimal. What is wrong with the id goes to standard output
/// too, for the parent to show.
int Describe(const std::string& id, const actors::EnvironmentOptions& options) {
  try {
    ByteWriter out;
    actors::MakeEnvironment(id, options)->Spec().Encode(out);
    for (const std::uint8_t byte : out.Take()) std::printf("%02x", byte);
    return 0;
  } catch (const ConfigError& error) {
    std::fputs(error.what(), stdout);
    return kRefused;
  }
}

/// All of the standard input, which is closed then.
std::string ReadInput() {
  std::string text;
  std::array<char, 512> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), stdin)) {
    text.append(buffer.data(), got);
  }
  // Standard input stays something that can be read.
  if (std::freopen("/dev/null", "r", stdin) == nullptr) throw CommError("/dev/null cannot be read");
  return text;
}

int Main(int argc, char** argv) {
  actors::WorkerOptions worker;
  actors::EnvironmentOptions environment;
  std::string describe;
  bool token_from_input = false;
  CLI::App app("A Stillhouse worker: plays for a running job");
  app.add_option("--connect", worker.addresses, "HOST:PORT of the shards that it writes to")
      ->delimiter(',');
  app.add_option("--index", worker.index, "Number among the job's workers");
  app.add_option("--envs", worker.envs, "Environments; default: as the job says")
      ->check(CLI::Range(1, 100000));
  app.add_option("--host-pid", worker.host_pid, "The parent to die with");
  app.add_flag("--token-from-input", token_from_input, "The standard input is the token");
  app.add_flag("--beats", worker.beats, "Descriptor 3 wants signs of life");
  app.add_option("--describe", describe, "Print this environment's facts and leave");
  app.add_option("--sticky-action-prob", environment.sticky_action_prob, "For --describe");
  app.add_option("--difficulty-ramping", environment.difficulty_ramping, "For --describe");
  app.add_option("--mask-actions", environment.mask_actions, "For --describe");
  app.add_option("--games", environment.several.games, "For --describe")->delimiter(',');
  app.add_option("--channels", environment.several.channels, "For --describe");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kRefused;
  }
  if (!describe.empty()) return Describe(describe, environment);
  worker.token = TakeFromEnvironment(actors::kTokenVariable);
  if (token_from_input) worker.token = ReadInput();
  // Its host restarts a worker that somebody else has ended, but none whose run is over.
  return actors::RunWorker(worker) == actors::WorkerEnd::kRunOver ? 0 : kTerminated;
}

}  // namespace
}  // namespace stillhouse

int main(int argc, char** argv) {
  try {
    return stillhouse::Main(argc, argv);
  } catch (const stillhouse::ConfigError& error) {
    std::fprintf(stderr, "FATAL worker: %s\n", error.what());
    return stillhouse::kRefused;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "FATAL worker: %s\n", error.what());
    return stillhouse::kFailed;
  }
}
