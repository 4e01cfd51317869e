#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "common/base/error.h"

namespace stillhouse {

static_assert(std::endian::native == std::endian::little,
              "every format here is little-endian and is read and written in place");

template <typename T>
concept PlainNumber = std::is_arithmetic_v<T> || std::is_enum_v<T>;

/// Appends little-endian values to a byte vector that it owns.
class ByteWriter {
 public:
  ByteWriter() = default;
  explicit ByteWriter(std::size_t reserve) { bytes_.reserve(reserve); }

  template <PlainNumber T>
  void Put(T value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
  }
  void PutBytes(std::span<const std::uint8_t> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  /// Values without a length before them.
  template <PlainNumber T>
  void PutArray(std::span<const T> values) {
    // insert() and not resize(), which would write zeros first: these may be megabytes.
    const auto* const first = reinterpret_cast<const std::uint8_t*>(values.data());
    if (!values.empty()) bytes_.insert(bytes_.end(), first, first + values.size_bytes());
  }
  /// uint32 count, then the values.
  template <PlainNumber T>
  void PutVector(const std::vector<T>& values) {
    Put(static_cast<std::uint32_t>(values.size()));
    PutArray(std::span<const T>(values));
  }
  /// uint32 length, then the characters.
  void PutString(std::string_view text) {
    Put(static_cast<std::uint32_t>(text.size()));
    PutBytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  /// Zero bytes up to the next multiple of `alignment` of the whole buffer.
  void Align(std::size_t alignment) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
  }

  std::size_t Size() const { return bytes_.size(); }
  std::uint8_t* Data() { return bytes_.data(); }
  std::vector<std::uint8_t> Take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

/// Reads little-endian values from bytes that it borrows. Everything is checked against what is
/// left: a short or oversized field throws WireError and allocates nothing.
class ByteReader {
 public:
  ByteReader(std::span<const std::uint8_t> bytes, std::string_view what)
      : bytes_(bytes), what_(what) {}

  template <PlainNumber T>
  T Get() {
    T value;
    Need(sizeof(T));
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  bool GetBool() {
    const auto value = Get<std::uint8_t>();
    if (value > 1) Fail(fmt::format("a flag is {}, must be 0 or 1", value));
    return value == 1;
  }
  /// An enumerator from 0 to `last`.
  template <typename E>
  requires std::is_enum_v<E> E GetEnum(E last) {
    const auto value = Get<std::underlying_type_t<E>>();
    if (value < 0 || value > static_cast<std::underlying_type_t<E>>(last)) {
      Fail(fmt::format("enumerator {} is above {}", static_cast<int>(value),
                       static_cast<int>(last)));
    }
    return static_cast<E>(value);
  }
  std::span<const std::uint8_t> GetBytes(std::size_t count) {
    Need(count);
    const auto view = bytes_.subspan(at_, count);
    at_ += count;
    return view;
  }
  template <PlainNumber T>
  std::vector<T> GetArray(std::size_t count) {
    if (count > Left() / sizeof(T)) Need(Left() + 1);
    const auto view = GetBytes(count * sizeof(T));
    if constexpr (std::is_same_v<T, std::uint8_t>) {
      return {view.begin(), view.end()};  // without zeros before: these may be megabytes
    } else {
      std::vector<T> values(count);
      if (count > 0) std::memcpy(values.data(), view.data(), view.size());
      return values;
    }
  }
  template <PlainNumber T>
  std::vector<T> GetVector() {
    return GetArray<T>(Get<std::uint32_t>());
  }
  std::string GetString() {
    const auto view = GetBytes(Get<std::uint32_t>());
    return std::string(reinterpret_cast<const char*>(view.data()), view.size());
  }
  void Align(std::size_t alignment) {
    const std::size_t next = (at_ + alignment - 1) / alignment * alignment;
    Need(next - at_);
    at_ = next;
  }

  std::size_t Left() const { return bytes_.size() - at_; }
  std::size_t Position() const { return at_; }
  /// Throws WireError when bytes are left over.
  void ExpectEnd() const {
    if (Left() != 0) Fail(fmt::format("{} bytes too many", Left()));
  }
  [[noreturn]] void Fail(std::string_view why) const {
    throw WireError(fmt::format("{}: byte {} of {}: {}", what_, at_, bytes_.size(), why));
  }

 private:
  void Need(std::size_t count) const {
    if (count > Left()) {
      Fail(fmt::format("{} more bytes needed, {} left", count, Left()));
    }
  }

  std::span<const std::uint8_t> bytes_;
  std::string what_;
  std::size_t at_ = 0;
};

}  // namespace stillhouse
