#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace stillhouse {

/// Bytes before a frame's body; the grammar is in frame.cc.
inline constexpr std::size_t kFrameHeaderBytes = 16;

/// One frame that arrived. The body is borrowed: valid until the next call on the parser.
struct FrameView {
  std::uint8_t kind = 0;
  std::span<const std::uint8_t> body;
};

/// The header that goes before `body`.
std::array<std::uint8_t, kFrameHeaderBytes> MakeFrameHeader(std::uint8_t kind,
                                                            std::span<const std::uint8_t> body);

/// Takes a byte stream apart. Holds at most what has arrived (the vector's growth factor aside):
/// a length that a header merely claims allocates nothing.
class FrameParser {
 public:
  explicit FrameParser(std::size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

  /// Applies from the next header on.
  void SetMaxBodyBytes(std::size_t bytes) { max_body_bytes_ = bytes; }

  /// Appends what arrived. Call Next until it is empty before the next Append.
  void Append(std::span<const std::uint8_t> bytes);

  /// The next whole frame; nullopt: more bytes are needed. Throws WireError on a wrong magic,
  /// version, length or checksum; the stream is of no further use then.
  std::optional<FrameView> Next();

  std::size_t BufferedBytes() const { return buffer_.size() - begin_; }

 private:
  std::size_t max_body_bytes_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;  ///< bytes before it are consumed
};

}  // namespace stillhouse
