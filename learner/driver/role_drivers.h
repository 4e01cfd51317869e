#pragma once

#include <memory>

#include "common/net/event_loop.h"
#include "learner/driver/compute_thread.h"
#include "learner/protocol/follower_role.h"
#include "learner/protocol/learner_role.h"
#include "learner/protocol/student_role.h"

namespace stillhouse::learner {

/// A role with its compute on a thread of its own; a Role like any other to the rank's router.
/// Outcomes come back through the event loop and are handed to the role at the next Handle or
/// Tick, so that the role runs on the loop's thread alone.
template <typename RoleType, typename Port, typename Job, typename Outcome, typename Compute>
class ThreadedRole final : public Role, private Port {
 public:
  using Perform = std::function<Outcome(Job)>;

  ThreadedRole(typename RoleType::Settings settings, std::unique_ptr<Compute> compute,
               Perform perform, EventLoop& loop)
      : role_(std::move(settings), *this),
        compute_(std::move(compute)),
        loop_(loop),
        done_(std::make_shared<std::deque<Outcome>>()),
        thread_(std::move(perform), [this](Outcome outcome) {
          // The loop may run this after we are gone: it keeps only the queue alive.
          auto shared = std::make_shared<Outcome>(std::move(outcome));
          loop_.Post([queue = done_, shared] { queue->push_back(std::move(*shared)); });
        }) {}

  RoleAddress Address() const override { return role_.Address(); }
  void Handle(const Envelope& envelope, Time now, Outbox& out) override {
    Collect(now, out);
    role_.Handle(envelope, now, out);
  }
  void Tick(Time now, Outbox& out) override {
    Collect(now, out);
    role_.Tick(now, out);
  }
  bool HasLeft() const { return role_.HasLeft(); }

 private:
  void Submit(Job job) override { thread_.Submit(std::move(job)); }
  void Collect(Time now, Outbox& out) {
    while (!done_->empty()) {
      Outcome outcome = std::move(done_->front());
      done_->pop_front();
      role_.OnDone(std::move(outcome), now, out);
    }
  }

  RoleType role_;
  std::unique_ptr<Compute> compute_;
  EventLoop& loop_;
  std::shared_ptr<std::deque<Outcome>> done_;  // of the loop's thread alone
  ComputeThread<Job, Outcome> thread_;         // last: ends before what it uses
};

using LearnerDriver =
    ThreadedRole<LearnerRole, TeacherPort, TeacherJob, TeacherOutcome, TeacherCompute>;
using FollowerDriver =
    ThreadedRole<FollowerRole, TeacherPort, TeacherJob, TeacherOutcome, TeacherCompute>;
using StudentDriver =
    ThreadedRole<StudentRole, StudentPort, StudentJob, StudentOutcome, StudentCompute>;

std::unique_ptr<LearnerDriver> MakeLearnerDriver(LearnerRole::Settings settings,
                                                 std::unique_ptr<TeacherCompute> compute,
                                                 EventLoop& loop);
std::unique_ptr<FollowerDriver> MakeFollowerDriver(FollowerRole::Settings settings,
                                                   std::unique_ptr<TeacherCompute> compute,
                                                   EventLoop& loop);
std::unique_ptr<StudentDriver> MakeStudentDriver(StudentRole::Settings settings,
                                                 std::unique_ptr<StudentCompute> compute,
                                                 EventLoop& loop);

}  // namespace stillhouse::learner
