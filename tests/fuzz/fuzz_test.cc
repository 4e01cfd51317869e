// Broken and hostile input to everything that reads bytes from outside. See docs/fuzzing.md.
#include <cstring>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "tests/fuzz/fuzzer.h"
#include "tests/fuzz/memory_guard.h"

namespace stillhouse::fuzz {
namespace {

using ::testing::HasSubstr;

// Sanitizers cost a factor of twenty; the night gives them ten million inputs (scripts/fuzz.sh).
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kInputs = 3000;
#else
constexpr std::uint64_t kInputs = 100000;
#endif

class FuzzTest : public ::testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzTest, ChangedInputsAreReadOrRefusedAndDoNoHarm) {
  const FuzzResult result = Fuzz(GetParam(), {.inputs = kInputs});
  EXPECT_EQ(result.problem, "");
  // Otherwise the inputs have not come far enough to say anything.
  EXPECT_GT(result.accepted, kInputs / 2000) << "nearly all inputs were refused";
  EXPECT_FALSE(result.found.empty()) << "no change made a difference";
  RecordProperty("accepted", static_cast<int>(result.accepted));
  fmt::print("{} inputs in {:.1f} s, {} accepted, {} answered in a new way, {} bytes held\n",
             result.inputs, result.seconds, result.accepted, result.found.size(), result.memory);
}

TEST_P(FuzzTest, SeedsAreAcceptedAndTheCorpusDoesNoHarm) {
  std::size_t accepted = 0;
  for (const Bytes& seed : GetParam().seeds) {
    const Reading reading = ReadOnce(GetParam(), seed);
    EXPECT_EQ(reading.problem, "");
    accepted += reading.accepted ? 1 : 0;
  }
  EXPECT_EQ(accepted, GetParam().seeds.size());
  for (const auto& [name, input] : Corpus(GetParam())) {
    EXPECT_EQ(ReadOnce(GetParam(), input).problem, "") << GetParam().name << "/" << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Readers, FuzzTest, ::testing::ValuesIn(AllTargets()),
                         [](const auto& one) { return one.param.name; });

TEST(FuzzCorpusTest, EveryFolderBelongsToATarget) {
  std::set<std::string> names;
  for (const auto& target : AllTargets()) {
    EXPECT_TRUE(names.insert(target.name).second) << target.name << " twice";
  }
  for (const auto& entry : std::filesystem::directory_iterator(CorpusFolder())) {
    EXPECT_TRUE(names.contains(entry.path().filename().string())) << entry.path();
  }
}

// ---- the fuzzer itself -------------------------------------------------------------------------

/// count u32, that many bytes, CRC: the reader believes the count, behind a checksum.
FuzzTarget Planted(std::function<void(std::span<const std::uint8_t> body)> read) {
  FuzzTarget target{.name = "planted", .read = [read = std::move(read)](auto input, std::string&) {
                      if (input.size() < 8) return false;
                      const auto body = input.first(input.size() - 4);
                      std::uint32_t crc = 0;
                      std::memcpy(&crc, input.data() + body.size(), 4);
                      if (crc != Crc32c(body)) return false;
                      read(body);
                      return true;
                    }};
  target.repair = [](Bytes& input) {
    if (input.size() < 8) return;
    const std::uint32_t crc = Crc32c(std::span(input).first(input.size() - 4));
    std::memcpy(input.data() + input.size() - 4, &crc, 4);
  };
  target.seeds = {{2, 0, 0, 0, 7, 8, 0, 0, 0, 0}};
  target.repair(target.seeds[0]);
  return target;
}

std::uint32_t CountOf(std::span<const std::uint8_t> body) {
  std::uint32_t count = 0;
  std::memcpy(&count, body.data(), 4);
  return count;
}

TEST(FuzzerTest, FindsAReaderThatTakesTheMemoryThatALengthAsksFor) {
  const auto target = Planted([](auto body) { Bytes(CountOf(body)).front() = 1; });
  const FuzzResult result = Fuzz(target, {.inputs = 10000});
  EXPECT_THAT(result.problem, HasSubstr("of memory to read"));
  EXPECT_THAT(result.problem, HasSubstr("--target=planted --input="));
}

TEST(FuzzerTest, FindsAnExceptionThatIsNoneOfOurs) {
  const auto target = Planted([](auto body) {
    const Bytes bytes(body.begin() + 4, body.end());
    if (CountOf(body) < 4096) static_cast<void>(bytes.at(CountOf(body) - 1));
  });
  EXPECT_THAT(Fuzz(target, {.inputs = 10000}).problem, HasSubstr("std::out_of_range"));
}

TEST(FuzzerTest, TheSameSeedReadsTheSameInputs) {
  std::vector<std::uint32_t> sums;
  for (const std::uint64_t seed : {5U, 5U, 6U}) {
    std::uint32_t sum = 0;
    const auto target = Planted([&sum](auto body) { sum = Crc32c(body, sum); });
    Fuzz(target, {.inputs = 2000, .seed = seed});
    sums.push_back(sum);
  }
  EXPECT_EQ(sums[0], sums[1]);
  EXPECT_NE(sums[0], sums[2]);
}

TEST(MemoryGuardTest, RefusesWhatGoesBeyondTheLimitAndCountsWhatIsGivenBack) {
  const MemoryGuard guard(10000);
  for (int i = 0; i < 100; ++i) Bytes(5000).front() = 1;
  EXPECT_FALSE(guard.Exceeded());
  EXPECT_GE(guard.Peak(), 5000U);
  EXPECT_THROW(Bytes(20000).front() = 1, std::bad_alloc);
  EXPECT_TRUE(guard.Exceeded());
}

TEST(FuzzDeathTest, AnInputThatKillsIsKept) {
  const auto target = Planted([](auto body) { SH_CHECK(CountOf(body) != 2, "planted"); });
  EXPECT_DEATH(
      {
        KeepInputsThatKill();
        ReadOnce(target, target.seeds[0]);
      },
      "planted(.|\n)*replay it with: .*--target=planted --input=.*planted-killer");
}

}  // namespace
}  // namespace stillhouse::fuzz
