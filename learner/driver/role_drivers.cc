#include "learner/driver/role_drivers.h"

namespace stillhouse::learner {

std::unique_ptr<LearnerDriver> MakeLearnerDriver(LearnerRole::Settings settings,
                                                 std::unique_ptr<TeacherCompute> compute,
                                                 EventLoop& loop) {
  TeacherCompute& borrowed = *compute;
  return std::make_unique<LearnerDriver>(
      std::move(settings), std::move(compute),
      [&borrowed](TeacherJob job) { return Perform(borrowed, std::move(job)); }, loop);
}

std::unique_ptr<FollowerDriver> MakeFollowerDriver(FollowerRole::Settings settings,
                                                   std::unique_ptr<TeacherCompute> compute,
                                                   EventLoop& loop) {
  TeacherCompute& borrowed = *compute;
  return std::make_unique<FollowerDriver>(
      std::move(settings), std::move(compute),
      [&borrowed](TeacherJob job) { return Perform(borrowed, std::move(job)); }, loop);
}

std::unique_ptr<StudentDriver> MakeStudentDriver(StudentRole::Settings settings,
                                                 std::unique_ptr<StudentCompute> compute,
                                                 EventLoop& loop) {
  StudentCompute& borrowed = *compute;
  const std::size_t students = settings.models.size();
  return std::make_unique<StudentDriver>(
      std::move(settings), std::move(compute),
      [&borrowed, students](StudentJob job) { return Perform(borrowed, students, std::move(job)); },
      loop);
}

}  // namespace stillhouse::learner
