#include "actors/env/minatar/minatar_stream.h"

#include <algorithm>

namespace stillhouse::actors {
namespace {

constexpr std::size_t kShift = 397;

std::uint32_t Twist(std::uint32_t upper, std::uint32_t lower) {
  const std::uint32_t y = (upper & 0x80000000U) | (lower & 0x7fffffffU);
  return (y >> 1) ^ ((0U - (y & 1U)) & 0x9908b0dfU);
}

}  // namespace

void MinAtarStream::Seed(std::uint32_t seed) {
  std::uint32_t word = seed;
  for (std::uint32_t i = 0; i < kWords; ++i) {
    words_[i] = word;
    word = 1812433253U * (word ^ (word >> 30)) + i + 1;
  }
  at_ = kWords;
}

void MinAtarStream::Refill() {
  auto& w = words_;
  std::size_t i = 0;
  for (; i < kWords - kShift; ++i) w[i] = w[i + kShift] ^ Twist(w[i], w[i + 1]);
  for (; i < kWords - 1; ++i) w[i] = w[i - (kWords - kShift)] ^ Twist(w[i], w[i + 1]);
  w[kWords - 1] = w[kShift - 1] ^ Twist(w[kWords - 1], w[0]);
  at_ = 0;
}

void MinAtarStream::Save(ByteWriter& out) const {
  out.PutArray(std::span<const std::uint32_t>(words_));
  out.Put(at_);
}

void MinAtarStream::Load(ByteReader& in) {
  const auto words = in.GetArray<std::uint32_t>(kWords);
  const auto at = in.Get<std::uint32_t>();
  if (at > kWords) in.Fail(fmt::format("position {} in a stream of {} words", at, kWords));
  std::copy(words.begin(), words.end(), words_.begin());
  at_ = at;
}

}  // namespace stillhouse::actors
