#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/base/tensor_spec.h"
#include "common/messages/sampling.h"

namespace stillhouse::replay {

/// Newest chunk of each worker (incarnation, sequence) that a shard has stored.
using WorkerSequences = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

/// In place of a sequence: the incarnation is closed. Its chunks here were numbered for other
/// shards and have been dealt out since (replay/log/redeal.h); nothing more is taken from it.
inline constexpr std::uint64_t kClosedSequence = std::numeric_limits<std::uint64_t>::max();

/// What a segment says of itself; segment_format.cc opens with the grammar.
struct SegmentHeader {
  std::uint16_t shard = 0;
  std::uint64_t number = 0;     ///< runs from 1; the file's name says the same
  ItemHandle first_handle = 0;  ///< items ever inserted into the shard before this segment
  std::uint32_t n_step = 1;     ///< of the chunks here
  EnvironmentSpec environment;
  WorkerSequences sequences;  ///< as they stood at the beginning of the segment
};

enum class RecordKind : std::uint32_t {
  kChunk = 1,       ///< body: an encoded chunk (replay/chunk.cc), as it came
  kPriorities = 2,  ///< body: f64 [n], p^alpha of the n items from the handle on, and alpha before
};

/// One record, read in place.
struct RecordView {
  RecordKind kind{};
  ItemHandle handle = 0;  ///< of the first item that it is about
  std::span<const std::uint8_t> body;
};

inline constexpr std::size_t kRecordHeaderBytes = 20;
/// More is nonsense: the longest chunk of the largest observation is far below.
inline constexpr std::uint32_t kMostRecordBytes = 1U << 30U;

std::vector<std::uint8_t> EncodeSegmentHeader(const SegmentHeader& header);
/// Appends one record.
void AppendRecord(std::vector<std::uint8_t>& out, RecordKind kind, ItemHandle handle,
                  std::span<const std::uint8_t> body);

/// "0000000012.seg"
std::string SegmentName(std::uint64_t number);
/// The number in such a name; nothing for any other name.
std::optional<std::uint64_t> SegmentNumber(const std::string& name);

/// Reads one segment from its bytes, which it borrows, from front to back.
class SegmentReader {
 public:
  /// Throws WireError when there is no whole header of this format.
  SegmentReader(std::span<const std::uint8_t> bytes, const std::string& what);

  const SegmentHeader& Header() const { return header_; }
  /// The next record that is whole; nullopt at the end, or at the first one that is not, which
  /// Damage then describes.
  std::optional<RecordView> Next();
  /// Bytes of the header and the records read so far.
  std::uint64_t Position() const { return position_; }
  /// What is wrong behind Position; empty: nothing, all bytes are read.
  const std::string& Damage() const { return damage_; }

 private:
  std::span<const std::uint8_t> bytes_;
  SegmentHeader header_;
  std::uint64_t position_ = 0;
  std::string damage_;
};

}  // namespace stillhouse::replay
