#include "cli/artefact_check.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <fmt/ranges.h>

#include "cli/run_program.h"
#include "cli/visited_states.h"
#include "common/base/action_mask.h"
#include "common/base/error.h"
#include "common/run/atomic_file.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kCompileLimit{300};
constexpr std::chrono::seconds kRunLimit{300};
constexpr std::size_t kSpread = 10;

std::vector<float> ReadFloats(const fs::path& file) {
  const std::string bytes = ReadFile(file);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

/// The end of what a program said, for an error's text.
std::string Said(const fs::path& output) {
  constexpr std::size_t kMost = 2000;
  std::string text = ReadFile(output.string() + ".err") + ReadFile(output);
  if (text.size() > kMost) text = "..." + text.substr(text.size() - kMost);
  return text;
}

}  // namespace

CheckVectors MakeCheckVectors(const StoredModel& model, actors::Environment& environment,
                              const std::vector<std::uint64_t>& seeds, std::uint32_t max_steps,
                              std::size_t count) {
  NativeNetwork network(model.network);
  network.SetParameters(model.parameters);
  const VisitedStates visited =
      Visit(environment, network, PlaysBest,
            {.seeds = seeds, .max_steps = max_steps, .max_states = count * kSpread});
  const TensorSpec& observation = model.network.Observation();
  const auto bytes = static_cast<std::size_t>(observation.PackedBytes());
  const auto elements = static_cast<std::size_t>(observation.Elements());
  const auto actions = static_cast<std::size_t>(model.network.NumActions());
  CheckVectors vectors;
  const std::size_t step = std::max<std::size_t>(1, visited.Size() / count);
  for (std::size_t i = 0; i < visited.Size() && vectors.count < count; i += step) {
    const auto packed = std::span(visited.packed).subspan(i * bytes, bytes);
    vectors.observations.resize((vectors.count + 1) * elements);
    Unpack(observation, packed.data(), vectors.observations.data() + vectors.count * elements);
    const auto legal = LegalActions(observation, packed);
    vectors.legal.insert(vectors.legal.end(), legal.begin(), legal.end());
    const auto q = std::span(visited.q).subspan(i * actions, actions);
    vectors.q.insert(vectors.q.end(), q.begin(), q.end());
    ++vectors.count;
  }
  return vectors;
}

std::vector<float> NativeQ(const NetworkSpec& network, std::span<const float> parameters,
                           const CheckVectors& vectors) {
  NativeNetwork native(network);
  native.SetParameters(parameters);
  std::vector<float> q(vectors.count * static_cast<std::size_t>(network.NumActions()));
  native.ForwardFloats(vectors.observations, static_cast<std::int64_t>(vectors.count), q);
  return q;
}

Equality CompareQ(const CheckVectors& vectors, std::span<const float> q,
                  std::span<const float> reference) {
  if (q.size() != reference.size() || q.size() != vectors.q.size()) {
    throw ShapeError(fmt::format("{} Q-values of {} observations, expected {}", q.size(),
                                 vectors.count, vectors.q.size()));
  }
  Equality result;
  result.observations = vectors.count;
  if (vectors.count == 0) return result;
  const std::size_t actions = q.size() / vectors.count;
  std::size_t equal = 0;
  for (std::size_t i = 0; i < vectors.count; ++i) {
    const auto ours = reference.subspan(i * actions, actions);
    const auto theirs = q.subspan(i * actions, actions);
    for (std::size_t a = 0; a < actions; ++a) {
      const double off = std::abs(static_cast<double>(theirs[a]) - static_cast<double>(ours[a]));
      result.max_abs_difference =
          std::max(result.max_abs_difference,
                   std::isnan(off) ? std::numeric_limits<double>::infinity() : off);
      result.largest_q = std::max(result.largest_q, std::abs(static_cast<double>(ours[a])));
    }
    const auto legal = LegalOf(vectors.legal, i, actions);
    if (GreedyAction(ours, legal) == GreedyAction(theirs, legal)) ++equal;
  }
  result.equal_actions = static_cast<double>(equal) / static_cast<double>(vectors.count);
  return result;
}

ArtefactRun RunCArtefact(const fs::path& folder, const std::string& name,
                         const fs::path& observations, const std::string& compiler) {
  const fs::path program = folder / (name + "_check");
  const fs::path output = folder / (name + ".out");
  const fs::path q = folder / (name + ".q");
  const auto source = [&](const char* ending) { return (folder / (name + ending)).string(); };
  const auto compiled =
      RunProgram({compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2",
                  source(".c"), source("_check.c"), "-o", program.string(), "-lm"},
                 output, kCompileLimit);
  // 127: what shells, and posix_spawn where it forks first, say of a program that is not there.
  if (!compiled || *compiled == 127) {
    return {{}, fmt::format("no C compiler '{}', or it takes too long", compiler), {}};
  }
  if (*compiled != 0) {
    throw NumericError(fmt::format("{}: {} refuses it:\n{}", source(".c"), compiler, Said(output)));
  }
  const auto ran =
      RunProgram({program.string(), observations.string(), q.string()}, output, kRunLimit);
  if (ran != 0) {
    throw NumericError(fmt::format("{}: ended with status {}:\n{}", program.string(),
                                   ran.value_or(-1), Said(output)));
  }
  return {ReadFloats(q), {}, std::strtod(ReadFile(output).c_str(), nullptr)};
}

ArtefactRun RunOnnxArtefact(const fs::path& model, const fs::path& observations,
                            const TensorSpec& shape, const std::string& runner) {
  if (runner.empty()) return {{}, "no other runtime was named (--onnx-runner)", {}};
  const fs::path output = model.string() + ".out";
  const fs::path q = model.string() + ".q";
  const auto ran = RunProgram({runner, model.string(), observations.string(), q.string(),
                               fmt::format("{}", fmt::join(shape.shape, ","))},
                              output, kRunLimit);
  if (ran != 0) {
    throw ConfigError(
        ran && *ran != 127
            ? fmt::format("--onnx-runner {}: ended with status {}:\n{}", runner, *ran, Said(output))
            : fmt::format("--onnx-runner {}: it cannot be started, or takes longer "
                          "than {} s",
                          runner, kRunLimit.count()));
  }
  std::error_code error;
  if (!fs::exists(q, error)) {
    throw ConfigError(
        fmt::format("--onnx-runner {}: it wrote no Q-values:\n{}", runner, Said(output)));
  }
  return {ReadFloats(q), {}, {}};
}

}  // namespace stillhouse::cli
