#include "tests/fuzz/fuzzer.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <set>
#include <typeinfo>

#include <cxxabi.h>
#include <fmt/format.h>

#include "common/base/crc32c.h"
#include "tests/fuzz/last_input.h"
#include "tests/fuzz/memory_guard.h"
#include "tests/fuzz/mutator.h"

namespace stillhouse::fuzz {
namespace {

namespace fs = std::filesystem;

/// Inputs that are built upon besides the seeds and the corpus.
constexpr std::size_t kMostFound = 400;

std::uint64_t Hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

/// The text of a refusal without what the input itself put there: numbers and quotations.
std::uint64_t ReasonOf(const Reading& reading) {
  std::string kept;
  std::string word;
  bool quoted = false;
  bool number = false;  // a word with a digit in it
  for (const char c : std::string_view(reading.why).substr(0, 400)) {
    if (c == '\n') break;
    if (c == '\'') quoted = !quoted;
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      word.push_back(c);
      number = number || std::isdigit(static_cast<unsigned char>(c)) != 0;
      continue;
    }
    if (!quoted && !number) kept += word;
    word.clear();
    number = false;
  }
  if (!number) kept += word;
  return Hash(kept) + (reading.accepted ? 1 : 0);
}

std::string TypeName(const std::exception& error) {
  int status = 0;
  char* const name = abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status);
  std::string text = status == 0 ? name : typeid(error).name();
  std::free(name);
  return text;
}

std::size_t Limit(const FuzzTarget& target, std::size_t bytes) {
  return target.memory_constant + target.memory_factor * bytes;
}

/// Keeps an input that did harm and says how to read it again.
std::string Keep(const FuzzTarget& target, std::span<const std::uint8_t> input) {
  const fs::path file = KillerFile(target.name, fmt::format("{:08x}", Crc32c(input)));
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(input.data()),
            static_cast<std::streamsize>(input.size()));
  return fmt::format("replay it with: {}", ReplayCommand(target.name, file));
}

}  // namespace

Reading ReadOnce(const FuzzTarget& target, std::span<const std::uint8_t> input) {
  Reading reading;
  const LastInput last(target.name, input);
  const MemoryGuard guard(Limit(target, input.size()));
  try {
    reading.accepted = target.read(input, reading.why);
  } catch (const std::exception& error) {
    reading.problem = fmt::format("{}: {}", TypeName(error), error.what());
  }
  reading.memory = guard.Peak();
  if (guard.Exceeded()) {
    reading.problem = fmt::format("asked for {} bytes of memory to read {}, {} are allowed",
                                  reading.memory, input.size(), Limit(target, input.size()));
  }
  return reading;
}

FuzzResult Fuzz(const FuzzTarget& target, const FuzzOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<Bytes> pool = target.seeds;
  for (auto& [name, input] : Corpus(target)) pool.push_back(std::move(input));
  if (pool.empty()) pool.emplace_back();
  const std::size_t given = pool.size();
  std::set<std::uint64_t> reasons;
  FuzzResult result;
  for (; result.inputs < options.inputs && result.problem.empty(); ++result.inputs) {
    Rng rng(options.seed, Hash(target.name), result.inputs);
    const bool fresh = result.inputs >= given;
    // Every second one from what was given: it is nearest to what is accepted.
    const std::size_t choice = rng.Below(rng.Below(2) == 0 ? given : pool.size());
    Bytes input = pool[fresh ? choice : result.inputs];
    if (fresh) Mutate(target, input, pool[rng.Below(pool.size())], rng);
    const Reading reading = ReadOnce(target, input);
    result.accepted += reading.accepted ? 1 : 0;
    result.memory = std::max(result.memory, reading.memory);
    if (!reading.problem.empty()) {
      result.problem = fmt::format("{}, seed {}, input {}: {}\n{}", target.name, options.seed,
                                   result.inputs, reading.problem, Keep(target, input));
    } else if (reasons.insert(ReasonOf(reading)).second && fresh &&
               result.found.size() < kMostFound) {
      pool.push_back(input);
      result.found.push_back(std::move(input));
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  result.seconds = took.count();
  return result;
}

fs::path CorpusFolder() { return fs::path(STILLHOUSE_SOURCE_DIR) / "tests/fuzz/corpus"; }

std::vector<std::pair<std::string, Bytes>> Corpus(const FuzzTarget& target) {
  std::vector<std::pair<std::string, Bytes>> inputs;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(CorpusFolder() / target.name, none)) {
    inputs.emplace_back(entry.path().filename().string(), ReadInput(entry.path()));
  }
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

Bytes ReadInput(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string ReplayCommand(const std::string& target, const fs::path& file) {
  return fmt::format("{}/tests/fuzz_test --target={} --input={}", STILLHOUSE_BINARY_DIR, target,
                     file.string());
}

}  // namespace stillhouse::fuzz
