#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stillhouse::fuzz {

using Bytes = std::vector<std::uint8_t>;

/// One reader of bytes from outside, as the fuzzer sees it.
struct FuzzTarget {
  std::string name;  ///< of the corpus folder, too
  /// Reads the input. True: accepted; false: refused with the error that the reader documents.
  /// Any other exception, a signal, too much memory or too much time is a bug. `why` is what the
  /// error said: inputs that are refused for a new reason are worth building upon.
  std::function<bool(std::span<const std::uint8_t> input, std::string& why)> read;
  std::vector<Bytes> seeds = {};  ///< whole inputs, of every kind there is
  /// Makes checksums and lengths fit again; without it nothing would get past them.
  std::function<void(Bytes& input)> repair = {};
  std::vector<std::string> words = {};  ///< that mean something to the reader
  /// What reading may hold at once: so many bytes for each of the input's, and a constant.
  std::size_t memory_factor = 32;
  std::size_t memory_constant = std::size_t{256} << 10U;
  std::size_t max_bytes = 4096;  ///< of an input
  bool text = false;             ///< inputs are text: printable characters are tried more often
};

/// For gtest, which would print the object's bytes.
inline void PrintTo(const FuzzTarget& target, std::ostream* out) { *out << target.name; }

/// The one table. A reader of a new format is added here.
std::vector<FuzzTarget> AllTargets();

std::vector<FuzzTarget> MessageTargets();
std::vector<FuzzTarget> StoreTargets();
std::vector<FuzzTarget> LogTargets();
std::vector<FuzzTarget> ModelTargets();
std::vector<FuzzTarget> CheckpointTargets();
std::vector<FuzzTarget> ConfigTargets();
std::vector<FuzzTarget> AddressTargets();
std::vector<FuzzTarget> DataTargets();
std::vector<FuzzTarget> ShardTargets();

/// Calls `read()`; false when it throws `Refusal`, whose text is then in `why`.
template <typename Refusal, typename Read>
bool Accepts(std::string& why, Read&& read) {
  try {
    read();
    return true;
  } catch (const Refusal& error) {
    why = error.what();
    return false;
  }
}

inline std::string_view AsText(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes FromText(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace stillhouse::fuzz
