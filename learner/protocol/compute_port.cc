#include "learner/protocol/compute_port.h"

#include <exception>

namespace stillhouse::learner {

TeacherOutcome Perform(TeacherCompute& compute, TeacherJob job) {
  TeacherOutcome outcome;
  try {
    switch (job.kind) {
      case TeacherJob::Kind::kUpdate:
        outcome.step = compute.Update(job.batch);
        break;
      case TeacherJob::Kind::kLabel:
        outcome.step.labels = compute.Label(job.batch);
        break;
      case TeacherJob::Kind::kFreeze:
        compute.Freeze(job.final);
        outcome.parameters = compute.Parameters();
        break;
      case TeacherJob::Kind::kParameters:
        outcome.parameters = compute.Parameters();
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
    if (job.kind == StudentJob::Kind::kUpdate) {
      outcome.steps = compute.Update(job.batch);
    } else {
      for (std::size_t k = 0; k < students; ++k) {
        outcome.parameters.push_back(compute.Parameters(k));
      }
    }
  } catch (const std::exception& error) {
    outcome.error = error.what();
  }
  outcome.job = std::move(job);
  return outcome;
}

}  // namespace stillhouse::learner
