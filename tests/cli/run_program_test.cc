#include "cli/run_program.h"

#include <gtest/gtest.h>

#include "common/run/atomic_file.h"
#include "tests/support/command.h"

namespace stillhouse::cli {
namespace {

using namespace std::chrono_literals;
using testing_support::ScratchDirectory;

TEST(RunProgramTest, GivesStatusAndOutput) {
  ScratchDirectory directory;
  const auto output = directory.Path() / "out";
  EXPECT_EQ(RunProgram({"sh", "-c", "echo said; echo wrong >&2; exit 5"}, output, 10s), 5);
  EXPECT_EQ(ReadFile(output), "said\n");
  EXPECT_EQ(ReadFile(output.string() + ".err"), "wrong\n");
}

TEST(RunProgramTest, ASignalIsAStatusAbove128) {
  ScratchDirectory directory;
  EXPECT_EQ(RunProgram({"sh", "-c", "kill -9 $$"}, directory.Path() / "out", 10s), 128 + 9);
}

TEST(RunProgramTest, WhatIsNotThereOrDoesNotEndHasNoStatus) {
  ScratchDirectory directory;
  EXPECT_EQ(RunProgram({"no-such-program-here"}, directory.Path() / "out", 10s), std::nullopt);
  const auto begin = std::chrono::steady_clock::now();
  // With a child: the whole group is killed.
  EXPECT_EQ(RunProgram({"sh", "-c", "sleep 60 & sleep 60"}, directory.Path() / "out", 1s),
            std::nullopt);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
}

}  // namespace
}  // namespace stillhouse::cli
