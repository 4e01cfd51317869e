#pragma once

#include <deque>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "common/config/run_config.h"
#include "common/model/network_spec.h"
#include "learner/protocol/compute.h"
#include "learner/protocol/compute_port.h"
#include "tests/simulation/world.h"

namespace stillhouse::simulation {

/// The absolute error that the teacher finds in an item: a function of the item.
float TeachersError(std::span<const std::uint8_t> observation, std::int32_t action, float reward);

/// A teacher whose arithmetic is done by hand: its first parameter counts its updates, the others
/// are a running mix of what it has learnt from, so that nothing can be left out or done twice
/// unseen.
class CountingTeacher final : public learner::TeacherCompute {
 public:
  CountingTeacher(const NetworkSpec& network, LabelRows rows);
  learner::TeacherStep Update(const replay::Batch& batch) override;
  learner::TeacherStep Gradient(const replay::Batch& batch) override;
  double StepAlong(std::span<const float> gradient) override;
  learner::TeacherStep Label(const replay::Batch& batch) override;
  std::vector<float> Parameters() const override { return state_.parameters; }
  void KeepBest(std::vector<float>, std::uint64_t) override {}
  void Freeze(FinalTeacher) override {}
  learner::TeacherState Save() const override;
  void Load(const learner::TeacherState& state) override;
  /// What it learns from now on is no number.
  void Break() { broken_ = true; }

 private:
  LabelRows rows_;
  std::int64_t updates_ = 0;
  bool broken_ = false;
  ModelState state_;
};

/// The students of one host, alike.
class CountingStudents final : public learner::StudentCompute {
 public:
  explicit CountingStudents(const std::vector<NetworkSpec>& networks);
  using learner::StudentCompute::Update;
  std::vector<learner::StudentStep> Update(const LabelledBatch& batch,
                                           const learner::StudentTurn& turn) override;
  void UseTeacher(std::span<const float>) override {}
  std::vector<float> Parameters(std::size_t student) const override {
    return states_.at(student).parameters;
  }
  learner::StudentMemory Save(std::size_t student) const override { return {states_.at(student)}; }
  void Load(std::size_t student, const learner::StudentMemory& memory) override {
    states_.at(student) = memory.model;
  }

 private:
  std::vector<ModelState> states_;
};

/// Compute that takes a while of virtual time, one job after the other; while `hold` says so, the
/// next outcome waits (a stopped process, or a planted bug).
template <typename Port, typename Job, typename Outcome>
class TimedPort final : public Port {
 public:
  struct Hooks {
    std::function<Outcome(Job)> perform;
    std::function<void(Outcome)> deliver;
    std::function<Time(const Job&)> cost;
    std::function<bool(const Job&)> hold = [](const Job&) { return false; };
  };
  TimedPort(World& world, Hooks hooks) : world_(world), hooks_(std::move(hooks)) {}

  void Submit(Job job) override {
    jobs_.push_back(std::move(job));
    StartNext();
  }
  bool Idle() const { return jobs_.empty(); }

 private:
  void StartNext() {
    if (busy_ || jobs_.empty()) return;
    busy_ = true;
    world_.events.After(hooks_.cost(jobs_.front()), [this] { Finish(); });
  }
  void Finish() {
    if (hooks_.hold(jobs_.front())) {
      world_.events.After(std::chrono::milliseconds(5), [this] { Finish(); });
      return;
    }
    Outcome outcome = hooks_.perform(std::move(jobs_.front()));
    jobs_.pop_front();
    busy_ = false;
    hooks_.deliver(std::move(outcome));
    StartNext();
  }

  World& world_;
  Hooks hooks_;
  std::deque<Job> jobs_;
  bool busy_ = false;
};

using TimedTeacher = TimedPort<learner::TeacherPort, learner::TeacherJob, learner::TeacherOutcome>;
using TimedStudents = TimedPort<learner::StudentPort, learner::StudentJob, learner::StudentOutcome>;

}  // namespace stillhouse::simulation
