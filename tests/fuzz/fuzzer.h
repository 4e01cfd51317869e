#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace stillhouse::fuzz {

/// What became of one input.
struct Reading {
  bool accepted = false;
  std::string why;      ///< the refusal's text
  std::string problem;  ///< what must not happen; empty: nothing
  std::size_t memory = 0;
};

/// Reads one input under the guards. A signal or a hang ends the program, after the input was kept.
Reading ReadOnce(const FuzzTarget& target, std::span<const std::uint8_t> input);

struct FuzzOptions {
  std::uint64_t inputs = 1000;
  std::uint64_t seed = 1;
};

struct FuzzResult {
  std::uint64_t inputs = 0;
  std::uint64_t accepted = 0;
  std::size_t memory = 0;  ///< the most that one reading held
  double seconds = 0;
  std::string problem;       ///< with the command that replays it; empty: none
  std::vector<Bytes> found;  ///< changed inputs that were refused, or accepted, for a new reason
};

/// Reads the seeds, the corpus and then changed ones of them until `inputs` are read or one does
/// harm. What is found is built upon. The same options read the same inputs.
FuzzResult Fuzz(const FuzzTarget& target, const FuzzOptions& options);

/// tests/fuzz/corpus/
std::filesystem::path CorpusFolder();

/// The committed inputs of a target, by name.
std::vector<std::pair<std::string, Bytes>> Corpus(const FuzzTarget& target);

Bytes ReadInput(const std::filesystem::path& file);

/// The shell command that reads the input in `file` alone.
std::string ReplayCommand(const std::string& target, const std::filesystem::path& file);

/// From now on signals that end the program, and readings that last too long, keep their input.
void KeepInputsThatKill();

}  // namespace stillhouse::fuzz
