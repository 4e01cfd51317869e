#include "actors/ack_ledger.h"

#ifdef STILLHOUSE_FAILPOINTS

#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/failpoint.h"

namespace stillhouse::actors {
namespace {

/// Bit by bit: a second witness, which shares nothing with the checksums of the code under test.
std::uint32_t ZlibCrc32(std::span<const std::uint8_t> bytes) {
  constexpr std::uint32_t kPolynomial = 0xEDB88320;
  std::uint32_t crc = ~std::uint32_t{0};
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? kPolynomial : 0U);
  }
  return ~crc;
}

}  // namespace

AckLedger::AckLedger(std::uint64_t incarnation) : incarnation_(incarnation) {
  const char* const folder = std::getenv("STILLHOUSE_ACK_LEDGER");
  if (folder == nullptr) return;
  const std::string path = fmt::format("{}/{:016x}.acks", folder, incarnation);
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file_ < 0) throw StorageError(path + ": cannot open");
}

AckLedger::~AckLedger() {
  if (file_ >= 0) ::close(file_);
}

void AckLedger::Sent(std::uint32_t shard, std::uint64_t sequence, std::uint64_t first_item,
                     std::uint32_t items, std::span<const std::uint8_t> chunk) {
  if (file_ < 0) return;
  sent_[{shard, sequence}] = {first_item, items, ZlibCrc32(chunk)};
}

void AckLedger::Acknowledged(std::uint32_t shard, std::uint64_t sequence) {
  if (file_ < 0) return;
  const auto found = sent_.find({shard, sequence});
  SH_CHECK(found != sent_.end(), "shard {}: chunk {} was never sent", shard, sequence);
  const Chunk& chunk = found->second;
  const std::string line = fmt::format("{:016x} {} {} {} {} {:08x}\n", incarnation_, shard,
                                       sequence, chunk.first_item, chunk.items, chunk.crc);
  if (::write(file_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    throw StorageError("the ledger of acknowledgements cannot be written");
  }
  sent_.erase(found);
  SH_FAILPOINT("ack.recorded");
}

}  // namespace stillhouse::actors

#endif
