// The shared module that holds LibTorch, where the build has it. `stillhouse` loads it in learner
// and student processes only (ComputeModule); its two C functions are all it exports.
#include <utility>

#include "common/base/rng.h"
#include "common/model/parameters.h"
#include "learner/distill/students.h"
#include "learner/nn/backend.h"
#include "learner/nn/trained_model.h"
#include "learner/protocol/compute_loader.h"
#include "learner/td/teacher.h"

namespace stillhouse::learner {
namespace {

/// Model 0 is the teacher, k the k-th student: the number also names its random stream.
std::unique_ptr<TrainedModel> MakeModel(const RunConfig& config, const NetworkSpec& spec,
                                        const OptimizerSettings& optimizer, std::size_t model,
                                        const std::string& device) {
  Rng rng = MakeRng(config.run.seed, RngPurpose::kInitialParameters, model);
  return MakeTrainedModel(spec, optimizer, InitialParameters(spec, rng), device);
}

class LearnerFactory final : public ComputeFactory {
 public:
  LearnerFactory() { PrepareBackend(); }

  std::unique_ptr<TeacherCompute> MakeTeacher(const RunConfig& config,
                                              const EnvironmentSpec& environment,
                                              LabelRows label_rows, bool want_labels) override {
    const TeacherSettings& teacher = config.teacher;
    const NetworkSpec spec =
        NetworkSpec::Create(teacher.network, environment.observation, environment.num_actions);
    return std::make_unique<Teacher>(
        teacher, MakeModel(config, spec, teacher.optimizer, 0, ResolveDevice(teacher.device)),
        label_rows, want_labels);
  }

  std::unique_ptr<StudentCompute> MakeStudents(const RunConfig& config,
                                               const EnvironmentSpec& environment,
                                               std::span<const std::size_t> students) override {
    const std::string device = ResolveDevice(config.teacher.device);
    std::vector<HostedStudent> hosted;
    for (const std::size_t index : students) {
      SH_CHECK(index < config.students.size(), "student {} of {}", index, config.students.size());
      const StudentSettings& settings = config.students[index];
      const NetworkSpec spec =
          NetworkSpec::Create(settings.network, environment.observation, environment.num_actions);
      hosted.push_back({settings, MakeModel(config, spec, settings.optimizer, index + 1, device)});
    }
    return std::make_unique<Students>(std::move(hosted), environment.canonical_action);
  }

  std::string Describe() const override { return DescribeBackend(); }
};

}  // namespace
}  // namespace stillhouse::learner

extern "C" {

__attribute__((visibility("default"))) stillhouse::learner::ComputeFactory*
stillhouse_make_compute_factory(std::uint32_t abi) {
  if (abi != stillhouse::learner::kComputeAbi) return nullptr;
  return new stillhouse::learner::LearnerFactory();
}

__attribute__((visibility("default"))) void stillhouse_delete_compute_factory(
    stillhouse::learner::ComputeFactory* factory) {
  delete factory;
}
}
