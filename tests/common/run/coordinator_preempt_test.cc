#include "common/run/coordinator.h"
#include "tests/common/run/coordinator_fixture.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;

/// A run whose student host is stopped: it answers nothing.
class CoordinatorPreemptTest : public CoordinatorTest {
 protected:
  CoordinatorPreemptTest() : CoordinatorTest(WithCheckpoints()) {}

  static Coordinator::Settings WithCheckpoints() {
    auto settings = SmallJob();
    settings.config.checkpoint.every = {1000, Duration::Unit::kSeconds};
    return settings;
  }
  template <typename Predicate>
  bool RunUntil(Time limit, Predicate until) {
    while (!until() && now_ < limit) {
      const std::size_t seen = out_.envelopes.size();
      Tick();
      for (std::size_t i = seen; i < out_.envelopes.size(); ++i) {
        const Envelope envelope = out_.envelopes[i];
        if (envelope.kind == MessageKind::kCheckpointRequest && envelope.to == kLearner) {
          const auto id = DecodeBody<CheckpointRequest>(envelope).id;
          Say(kLearner, CheckpointPart{id, 300, 9600, {{0, {1}}}});
        } else if (envelope.to != kStudent) {
          Answer(envelope);
        }
      }
      now_ += 100ms;
    }
    return until();
  }
};

TEST_F(CoordinatorPreemptTest, IsDoneInTimeHoweverLateInARunWithAStoppedStudentItComes) {
  ReportShards(500);  // the frames that the run is for
  ASSERT_TRUE(RunUntil(60s, [&] { return coordinator_.Phase() == RunPhase::kTail; }));
  // The checkpoint of the tail's beginning waits for the student.
  ASSERT_TRUE(RunUntil(70s, [&] { return !out_.To<CheckpointRequest>(kStudent).empty(); }));
  const Time asked = now_;
  coordinator_.Preempt("stopped by SIGUSR1");
  ASSERT_TRUE(RunUntil(asked + 60s, [&] { return coordinator_.Finished(); }));
  EXPECT_TRUE(coordinator_.Result().preempted) << coordinator_.Result().reason;
  EXPECT_FALSE(coordinator_.Result().failed);
  // Two waits of 10 s for parts, and one for the student to leave, which it does not.
  EXPECT_LT(now_ - asked, Time(32s));
}

}  // namespace
}  // namespace stillhouse
