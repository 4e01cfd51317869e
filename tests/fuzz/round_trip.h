#pragma once

#include <stdexcept>

#include "common/base/byte_io.h"
#include "tests/fuzz/fuzz_target.h"

namespace stillhouse::fuzz {

template <typename Value>
Bytes Encoded(const Value& value) {
  ByteWriter out;
  value.Encode(out);
  return out.Take();
}

/// Reads a Value that is all of `bytes`. What is accepted must be what would be written: two
/// different texts for one value would be two checksums and two fingerprints for it.
template <typename Value>
Value DecodedAlike(std::span<const std::uint8_t> bytes) {
  ByteReader in(bytes, "input");
  Value value = Value::Decode(in);
  in.ExpectEnd();
  const Bytes again = Encoded(value);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) {
    throw std::logic_error("accepted, but written again it is other bytes");
  }
  return value;
}

}  // namespace stillhouse::fuzz
