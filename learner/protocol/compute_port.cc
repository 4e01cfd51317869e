#include "learner/protocol/compute_port.h"

#include <exception>

#include "common/base/error.h"

namespace stillhouse::learner {

TeacherOutcome Perform(TeacherCompute& compute, TeacherJob job) {
  TeacherOutcome outcome;
  try {
    switch (job.kind) {
      case TeacherJob::Kind::kUpdate:
        outcome.step = compute.Update(job.batch);
        break;
      case TeacherJob::Kind::kGradient:
        outcome.step = compute.Gradient(job.batch);
        break;
      case TeacherJob::Kind::kStep:
        outcome.step.grad_norm = compute.StepAlong(job.gradient);
        break;
      case TeacherJob::Kind::kLabel:
        outcome.step = compute.Label(job.batch);
        break;
      case TeacherJob::Kind::kKeepBest:
        compute.KeepBest(std::move(job.best), job.best_updates);
        break;
      case TeacherJob::Kind::kFreeze:
        compute.Freeze(job.final);
        outcome.parameters = compute.Parameters();
        break;
      case TeacherJob::Kind::kParameters:
        outcome.parameters = compute.Parameters();
        break;
      case TeacherJob::Kind::kSave:
        outcome.state = compute.Save();
        break;
      case TeacherJob::Kind::kLoad:
        SH_CHECK(job.state.has_value());
        compute.Load(*job.state);
        job.state.reset();
        break;
    }
  } catch (const std::exception& error) {
    outcome.error = error.what();
  }
  outcome.job = std::move(job);
  return outcome;
}

StudentOutcome Perform(StudentCompute& compute, std::size_t students, StudentJob job) {
  StudentOutcome outcome;
  try {
    if (job.kind == StudentJob::Kind::kUpdate) outcome.steps = compute.Update(job.batch, job.turn);
    if (job.kind == StudentJob::Kind::kTeacher) compute.UseTeacher(job.teacher);
    for (std::size_t k = 0; k < students; ++k) {
      if (job.kind == StudentJob::Kind::kParameters) {
        outcome.parameters.push_back(compute.Parameters(k));
      } else if (job.kind == StudentJob::Kind::kSave) {
        outcome.states.push_back(compute.Save(k));
      } else if (job.kind == StudentJob::Kind::kLoad && job.states.at(k)) {
        compute.Load(k, *job.states[k]);
      }
    }
    job.states.clear();
  } catch (const std::exception& error) {
    outcome.error = error.what();
  }
  outcome.job = std::move(job);
  return outcome;
}

}  // namespace stillhouse::learner
