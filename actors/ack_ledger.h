#pragma once

#include <cstdint>
#include <span>

#ifdef STILLHOUSE_FAILPOINTS
#include <map>
#include <utility>
#endif

namespace stillhouse::actors {

/// A worker's own record of what shards have acknowledged, kept outside the job for those who check
/// it (scripts/chaos.sh). Only a build with failpoints writes one, and only when the environment
/// names a folder in STILLHOUSE_ACK_LEDGER; in any other build nothing is left of it.
///
/// `<folder>/<incarnation>.acks`, a line a chunk, written before the worker acts on its
/// acknowledgement:
///   incarnation (hexadecimal), shard, sequence, first item, items, CRC-32 of the chunk as it was
///   first sent (hexadecimal; zlib's, not the CRC-32C that frames and segments use)
class AckLedger {
 public:
#ifdef STILLHOUSE_FAILPOINTS
  explicit AckLedger(std::uint64_t incarnation);
  ~AckLedger();
  AckLedger(const AckLedger&) = delete;
  AckLedger& operator=(const AckLedger&) = delete;

  void Sent(std::uint32_t shard, std::uint64_t sequence, std::uint64_t first_item,
            std::uint32_t items, std::span<const std::uint8_t> chunk);
  void Acknowledged(std::uint32_t shard, std::uint64_t sequence);

 private:
  struct Chunk {
    std::uint64_t first_item = 0;
    std::uint32_t items = 0;
    std::uint32_t crc = 0;
  };
  std::uint64_t incarnation_;
  int file_ = -1;
  std::map<std::pair<std::uint32_t, std::uint64_t>, Chunk> sent_;  ///< by shard and sequence
#else
  explicit AckLedger(std::uint64_t) {}
  void Sent(std::uint32_t, std::uint64_t, std::uint64_t, std::uint32_t,
            std::span<const std::uint8_t>) {}
  void Acknowledged(std::uint32_t, std::uint64_t) {}
#endif
};

}  // namespace stillhouse::actors
