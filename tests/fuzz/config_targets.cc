// Text that users write: configurations, --set, layers.
#include <sstream>

#include <fmt/format.h>

#include "common/base/error.h"
#include "common/config/config_load.h"
#include "common/config/config_print.h"
#include "tests/fuzz/fuzz_target.h"

namespace stillhouse::fuzz {
namespace {

constexpr const char* kLeast = "env: {id: minatar/breakout}\n";

/// What was accepted must print to something that is accepted and equal.
void CheckPrinted(const RunConfig& config) {
  const std::string printed = PrintConfig(config);
  if (!(LoadConfigText(printed, "printed") == config)) {
    throw std::logic_error("loads, prints, and loads as something else:\n" + printed);
  }
}

void Load(std::string_view text, const LoadOptions& options) {
  const RunConfig config = LoadConfigText(text, "fuzz", options);
  try {
    CheckPrinted(config);
  } catch (const ConfigError& error) {
    throw std::logic_error(std::string("loads, but what it prints does not: ") + error.what());
  }
}

/// YAML's own trees are large, and aliases multiply a small text up to the loader's bounds.
constexpr std::size_t kTrees = std::size_t{16} << 20U;

FuzzTarget Configs() {
  FuzzTarget target{.name = "config", .read = [](auto input, std::string& why) {
                      return Accepts<ConfigError>(why, [&] { Load(AsText(input), {}); });
                    }};
  target.seeds = {
      FromText(kLeast),
      FromText(
          "env: {id: minatar/freeway, options: {sticky_action_prob: 0.1}}\nstop: {frames: 5}\n"),
      FromText("env:\n  id: classic/cart_pole\nreplay:\n  capacity: 1000\n  min_size: 50\n"
               "  alpha: 0.6\nstop: {updates: 9}\n"),
      FromText(
          "env: {id: minatar/asterix}\nteacher:\n  batch_size: 8\n  optimizer: {kind: rmsprop, "
          "learning_rate: 1e-4}\nstudents:\n  s: {network: {layers: [flatten, {q_head: {}}]}}\n"),
      FromText("env: &e {id: classic/acrobot}\nrun: {name: x, seed: 3}\nevaluation: {every: 60s}\n"
               "checkpoint: {every: 5m, keep: 2}\nactors: {listen: '127.0.0.1:0'}\n")};
  target.words = {"env:",    "id: ",   "replay:", "teacher:", "students:", "&a ",
                  "*a",      "<<: *a", "!!str ",  "null",     "~",         "|\n  ",
                  ">-\n",    "---\n",  "[",       "]",        "{",         "}",
                  "\"",      "'",      "\n  ",    "- ",       ".inf",      ".nan",
                  "1e999",   "0x10",   "60s",     "frames: ", "? ",        "%YAML",
                  "#",       "\\x",    "\t",      ": ",       ",",         "include: none.yaml",
                  "alpha: ", "run:"};
  target.text = true;
  target.max_bytes = 600;  // YAML costs a microsecond a byte
  target.memory_constant = kTrees;
  return target;
}

FuzzTarget Overrides() {
  FuzzTarget target{.name = "config_set", .read = [](auto input, std::string& why) {
                      LoadOptions options;
                      std::istringstream lines{std::string(AsText(input))};
                      for (std::string line; std::getline(lines, line);) {
                        if (options.overrides.size() < 8) options.overrides.push_back(line);
                      }
                      return Accepts<ConfigError>(why, [&] { Load(kLeast, options); });
                    }};
  target.seeds = {FromText("replay.alpha=0.5"),
                  FromText("run.seed=7\nstop.frames=100"),
                  FromText("students.s.network.layers=[flatten, {q_head: {dueling: true}}]"),
                  FromText("run.token=abc\nactors.workers=3"),
                  FromText("evaluation.every=60s"),
                  FromText("replay={capacity: 5000, min_size: 100}")};
  target.words = {"run.",  "replay.", "students.", "=",  "==",   ".",       "\n",    "[",  "]",
                  "{",     "}",       "include=x", "&a", "*a",   "teacher", "null",  "'",  "\"",
                  "alpha", "auto",    "true",      "5m", "1e15", "-1",      "token", ": ", "env"};
  target.text = true;
  target.max_bytes = 200;
  target.memory_constant = kTrees;
  return target;
}

FuzzTarget Layers() {
  FuzzTarget target{.name = "layers", .read = [](auto input, std::string& why) {
                      LoadOptions options;
                      options.overrides = {fmt::format("teacher.network.layers={}", AsText(input))};
                      const TensorSpec observation{ElementKind::kBits, {4, 10, 10}};
                      return Accepts<ConfigError>(why, [&] {
                        NetworkSpec::Create(LoadConfigText(kLeast, "fuzz", options).teacher.network,
                                            observation, 6);
                      });
                    }};
  target.seeds = {FromText("[{conv2d: {filters: 16, kernel: 3, stride: 1}}, relu, flatten, "
                           "{linear: 128}, relu, {q_head: {dueling: true}}]"),
                  FromText("[flatten, {linear: 8}, tanh, {q_head: {}}]"),
                  FromText("[{conv2d: {filters: 2, kernel: 2, padding: 1}}, flatten, q_head]")};
  target.words = {"conv2d",  "linear: ", "relu",   "tanh",    "flatten", "q_head", "dueling",
                  "filters", "kernel",   "stride", "padding", "{",       "}",      "[",
                  "]",       ", ",       "65536",  "-1",      "64"};
  target.text = true;
  target.max_bytes = 200;
  target.memory_constant = kTrees;
  return target;
}

}  // namespace

std::vector<FuzzTarget> ConfigTargets() { return {Configs(), Overrides(), Layers()}; }

}  // namespace stillhouse::fuzz
