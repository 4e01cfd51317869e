#include "learner/protocol/job_depth.h"

#include <gtest/gtest.h>

namespace stillhouse::learner {
namespace {
using namespace std::chrono_literals;

TEST(JobDepthTest, LongJobsAreHandedOverTwoAtATime) {
  JobDepth depth;
  EXPECT_EQ(depth.Most(), JobDepth::kMany);
  depth.OnDone(4, 100ms);
  EXPECT_EQ(depth.Most(), JobDepth::kMany) << "nobody knows when it began";
  depth.OnDone(4, 200ms);
  EXPECT_EQ(depth.Most(), JobDepth::kFew);
  depth.OnDone(2, 201ms);
  EXPECT_EQ(depth.Most(), JobDepth::kMany);
}

TEST(JobDepthTest, IdlenessIsNotWork) {
  JobDepth depth;
  depth.OnDone(2, 1ms);
  depth.OnDone(1, 2ms);
  depth.OnDone(1, 5000ms);  // came after a pause
  EXPECT_EQ(depth.Most(), JobDepth::kMany);
}

}  // namespace
}  // namespace stillhouse::learner
