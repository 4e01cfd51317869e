// frame  = magic "SHWF", version u8 = 1, kind u8, zero u16, length u32, crc u32, body[length]
// crc    = CRC-32C over the 12 bytes before it and the body, so that a damaged kind is seen too.
// Little-endian. docs/formats.md says the same for readers from outside.
#include "common/net/frame.h"

#include <cstring>

#include "common/base/byte_io.h"
#include "common/base/crc32c.h"
#include "common/base/error.h"

namespace stillhouse {

namespace {

constexpr std::uint32_t kMagic = 0x46574853;  // "SHWF"
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kCheckedHeaderBytes = 12;
/// An empty parser gives back a buffer larger than this.
constexpr std::size_t kKeepBytes = std::size_t{1} << 18;

template <typename T>
T Load(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

}  // namespace

std::array<std::uint8_t, kFrameHeaderBytes> MakeFrameHeader(std::uint8_t kind,
                                                            std::span<const std::uint8_t> body) {
  SH_CHECK(body.size() <= 0xffffffffU, "a frame of {} bytes", body.size());
  std::array<std::uint8_t, kFrameHeaderBytes> header{};
  const auto length = static_cast<std::uint32_t>(body.size());
  std::memcpy(header.data(), &kMagic, 4);
  header[4] = kVersion;
  header[5] = kind;
  std::memcpy(header.data() + 8, &length, 4);
  const std::uint32_t crc = Crc32c(body, Crc32c(std::span(header).first(kCheckedHeaderBytes)));
  std::memcpy(header.data() + kCheckedHeaderBytes, &crc, 4);
  return header;
}

void FrameParser::Append(std::span<const std::uint8_t> bytes) {
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
    if (buffer_.capacity() > kKeepBytes) buffer_.shrink_to_fit();
  } else if (begin_ > 0 && buffer_.size() + bytes.size() > buffer_.capacity()) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::optional<FrameView> FrameParser::Next() {
  const std::size_t left = buffer_.size() - begin_;
  const std::uint8_t* at = buffer_.data() + begin_;
  // A wrong magic is refused on its first bytes: a stranger need not send a whole header.
  const std::size_t known = left < 4 ? left : 4;
  if (known > 0 && std::memcmp(at, &kMagic, known) != 0) {
    throw WireError("frame: magic is not SHWF");
  }
  if (left < kFrameHeaderBytes) return std::nullopt;
  if (at[4] != kVersion) {
    throw WireError(fmt::format("frame: version {}, expected {}", at[4], kVersion));
  }
  if (Load<std::uint16_t>(at + 6) != 0) throw WireError("frame: reserved bits are set");
  const std::size_t length = Load<std::uint32_t>(at + 8);
  if (length > max_body_bytes_) {
    throw WireError(fmt::format("frame: kind {}: {} bytes, at most {} are allowed", at[5], length,
                                max_body_bytes_));
  }
  if (left - kFrameHeaderBytes < length) return std::nullopt;
  const std::span body(at + kFrameHeaderBytes, length);
  const std::uint32_t crc = Crc32c(body, Crc32c({at, kCheckedHeaderBytes}));
  const auto claimed = Load<std::uint32_t>(at + kCheckedHeaderBytes);
  if (crc != claimed) {
    throw WireError(
        fmt::format("frame: kind {}: checksum {:08x}, header says {:08x}", at[5], crc, claimed));
  }
  begin_ += kFrameHeaderBytes + length;
  return FrameView{at[5], body};
}

}  // namespace stillhouse
