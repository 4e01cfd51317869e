// A segment of a shard's log, `<number, 10 digits>.seg`, little-endian:
//
//   segment = header record*
//   header  = "SHSG" u32, format u16 = 1, length u32 (of the whole header), fields, crc u32
//   fields  = shard u16, number u64, first handle u64, n_step u32, environment,
//             count u32, (incarnation u64, sequence u64) [count]
//   record  = crc u32, length u32 (of the body), kind u32, handle u64, body[length]
//   body    = kind 1: an experience chunk    kind 2: alpha f64, priority f64 [n]
//
// A sequence of 2^64 - 1 closes an incarnation: its chunks here were numbered for other shards,
// dealt out since (replay/log/redeal.h), and nothing more is taken from it. A record of priorities
// follows its chunk, in the same segment.
//
// Each crc is the CRC-32C of everything of its header or record that is not itself. The handle is
// that of the first item, so the chunk records of a log follow each other without gaps. Records are
// appended and never changed; a segment is removed when all its items have left the store. The
// newest segment may end in a torn record.
#include "replay/log/segment_format.h"

#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "common/base/crc32c.h"

namespace stillhouse::replay {
namespace {

constexpr std::uint32_t kMagic = 0x47534853;  // "SHSG"
constexpr std::uint16_t kFormat = 1;
constexpr std::size_t kPrefixBytes = 10;
constexpr std::size_t kCrcBytes = 4;
constexpr const char* kSuffix = ".seg";
constexpr std::size_t kDigits = 10;

template <typename T>
T Load(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

SegmentHeader DecodeFields(ByteReader& in) {
  SegmentHeader header;
  header.shard = in.Get<std::uint16_t>();
  header.number = in.Get<std::uint64_t>();
  header.first_handle = in.Get<std::uint64_t>();
  header.n_step = in.Get<std::uint32_t>();
  header.environment = EnvironmentSpec::Decode(in);
  const auto count = in.Get<std::uint32_t>();
  if (count > in.Left() / 16) in.Fail(fmt::format("{} workers in {} bytes", count, in.Left()));
  header.sequences.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto incarnation = in.Get<std::uint64_t>();
    header.sequences.emplace_back(incarnation, in.Get<std::uint64_t>());
  }
  if (header.n_step == 0) in.Fail("n_step is 0");
  return header;
}

}  // namespace

std::vector<std::uint8_t> EncodeSegmentHeader(const SegmentHeader& header) {
  ByteWriter out;
  out.Put(kMagic);
  out.Put(kFormat);
  out.Put(std::uint32_t{0});
  out.Put(header.shard);
  out.Put(header.number);
  out.Put(header.first_handle);
  out.Put(header.n_step);
  header.environment.Encode(out);
  out.Put(static_cast<std::uint32_t>(header.sequences.size()));
  for (const auto& [incarnation, sequence] : header.sequences) {
    out.Put(incarnation);
    out.Put(sequence);
  }
  const auto length = static_cast<std::uint32_t>(out.Size() + kCrcBytes);
  std::memcpy(out.Data() + kPrefixBytes - sizeof(length), &length, sizeof(length));
  out.Put(Crc32c({out.Data(), out.Size()}));
  return out.Take();
}

void AppendRecord(std::vector<std::uint8_t>& out, RecordKind kind, ItemHandle handle,
                  std::span<const std::uint8_t> body) {
  SH_CHECK(body.size() <= kMostRecordBytes, "record of {} bytes", body.size());
  const std::size_t at = out.size();
  out.resize(at + kRecordHeaderBytes);
  std::uint8_t* const head = out.data() + at;
  const auto length = static_cast<std::uint32_t>(body.size());
  std::memcpy(head + 4, &length, sizeof(length));
  std::memcpy(head + 8, &kind, sizeof(kind));
  std::memcpy(head + 12, &handle, sizeof(handle));
  const std::uint32_t crc = Crc32c(body, Crc32c({head + 4, kRecordHeaderBytes - 4}));
  std::memcpy(head, &crc, sizeof(crc));
  out.insert(out.end(), body.begin(), body.end());
}

std::string SegmentName(std::uint64_t number) { return fmt::format("{:010}{}", number, kSuffix); }

std::optional<std::uint64_t> SegmentNumber(const std::string& name) {
  if (name.size() < kDigits + std::strlen(kSuffix) || !name.ends_with(kSuffix)) return std::nullopt;
  const char* const end = name.data() + name.size() - std::strlen(kSuffix);
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(name.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end || SegmentName(number) != name) {
    return std::nullopt;
  }
  return number;
}

SegmentReader::SegmentReader(std::span<const std::uint8_t> bytes, const std::string& what)
    : bytes_(bytes) {
  ByteReader prefix(bytes, what);
  if (prefix.Get<std::uint32_t>() != kMagic) prefix.Fail("not a segment");
  if (const auto format = prefix.Get<std::uint16_t>(); format != kFormat) {
    prefix.Fail(fmt::format("format {}, this program reads {}", format, kFormat));
  }
  const auto length = prefix.Get<std::uint32_t>();
  if (length < kPrefixBytes + kCrcBytes || length > bytes.size()) {
    prefix.Fail(fmt::format("a header of {} bytes in a file of {}", length, bytes.size()));
  }
  const auto covered = bytes.first(length - kCrcBytes);
  if (Load<std::uint32_t>(bytes.data() + covered.size()) != Crc32c(covered)) {
    prefix.Fail("the header's checksum does not fit");
  }
  ByteReader fields(covered.subspan(kPrefixBytes), what + ": header");
  header_ = DecodeFields(fields);
  fields.ExpectEnd();
  position_ = length;
}

std::optional<RecordView> SegmentReader::Next() {
  if (!damage_.empty() || position_ == bytes_.size()) return std::nullopt;
  const auto rest = bytes_.subspan(position_);
  const auto damaged = [&](std::string why) {
    damage_ = std::move(why);
    return std::nullopt;
  };
  if (rest.size() < kRecordHeaderBytes) {
    return damaged(fmt::format("{} bytes of a record", rest.size()));
  }
  const auto length = Load<std::uint32_t>(rest.data() + 4);
  if (length > kMostRecordBytes || length > rest.size() - kRecordHeaderBytes) {
    return damaged(
        fmt::format("a record of {} bytes, {} are left", length, rest.size() - kRecordHeaderBytes));
  }
  const std::size_t whole = kRecordHeaderBytes + length;
  if (Load<std::uint32_t>(rest.data()) != Crc32c(rest.subspan(4, whole - 4))) {
    return damaged("a record's checksum does not fit");
  }
  const auto kind = Load<std::uint32_t>(rest.data() + 8);
  if (kind != static_cast<std::uint32_t>(RecordKind::kChunk) &&
      kind != static_cast<std::uint32_t>(RecordKind::kPriorities)) {
    return damaged(fmt::format("a record of unknown kind {}", kind));
  }
  position_ += whole;
  return RecordView{static_cast<RecordKind>(kind), Load<std::uint64_t>(rest.data() + 12),
                    rest.subspan(kRecordHeaderBytes, length)};
}

}  // namespace stillhouse::replay
