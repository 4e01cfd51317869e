#include "cli/artefact_check.h"

#include <limits>

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "tests/support/command.h"

namespace stillhouse::cli {
namespace {

using ::testing::HasSubstr;
using testing_support::ScratchDirectory;

/// Three observations, two actions.
CheckVectors Vectors(std::vector<float> q) {
  CheckVectors vectors;
  vectors.count = 3;
  vectors.q = std::move(q);
  return vectors;
}

TEST(CompareQTest, SaysHowFarOffAndHowManyActionsAreEqual) {
  const auto vectors = Vectors({1, 2, -5, 3, 0, 1});
  const Equality same = CompareQ(vectors, vectors.q, vectors.q);
  EXPECT_EQ(same.observations, 3U);
  EXPECT_EQ(same.max_abs_difference, 0);
  EXPECT_EQ(same.largest_q, 5);
  EXPECT_EQ(same.equal_actions, 1);
  const Equality other = CompareQ(vectors, std::vector<float>{1, 2, -5, 3.5, 0, -1}, vectors.q);
  EXPECT_EQ(other.max_abs_difference, 2);
  EXPECT_DOUBLE_EQ(other.equal_actions, 2.0 / 3);
}

TEST(CompareQTest, OnlyLegalActionsAreCompared) {
  auto vectors = Vectors({1, 2, 1, 2, 1, 2});
  vectors.legal = {1, 0, 1, 0, 1, 0};
  const Equality result = CompareQ(vectors, std::vector<float>{2, 1, 2, 1, 2, 1}, vectors.q);
  EXPECT_EQ(result.equal_actions, 1) << "the other action is not allowed";
}

TEST(CompareQTest, WhatIsNoNumberIsInfinitelyFarOff) {
  const auto vectors = Vectors({1, 2, 1, 2, 1, 2});
  auto q = vectors.q;
  q[1] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(CompareQ(vectors, q, vectors.q).max_abs_difference,
            std::numeric_limits<double>::infinity());
}

TEST(CompareQTest, AnotherNumberOfValuesIsRefused) {
  const auto vectors = Vectors({1, 2, 1, 2, 1, 2});
  EXPECT_THROW(CompareQ(vectors, std::vector<float>(5), vectors.q), ShapeError);
}

TEST(RunCArtefactTest, ASourceThatDoesNotCompileIsOurMistakeAndShownAsSuch) {
  ScratchDirectory directory;
  directory.Write("bad.c", "int x = ;\n");
  directory.Write("bad_check.c", "int main(void) { return 0; }\n");
  try {
    RunCArtefact(directory.Path(), "bad", directory.Path() / "observations", "cc");
    FAIL() << "not refused";
  } catch (const NumericError& error) {
    EXPECT_THAT(error.what(), HasSubstr("bad.c"));
  }
}

TEST(RunCArtefactTest, AProgramThatFailsIsNamed) {
  ScratchDirectory directory;
  directory.Write("bad.c", "int unused_elsewhere;\n");
  directory.Write("bad_check.c", "int main(void) { return 3; }\n");
  try {
    RunCArtefact(directory.Path(), "bad", directory.Path() / "observations", "cc");
    FAIL() << "not refused";
  } catch (const NumericError& error) {
    EXPECT_THAT(error.what(), HasSubstr("status 3"));
  }
}

}  // namespace
}  // namespace stillhouse::cli
