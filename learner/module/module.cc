// The shared module that holds LibTorch, where the build has it. `stillhouse` loads it in learner
// and student processes only (ComputeModule); its two C functions are all it exports.
#include <algorithm>
#include <utility>

#include "common/base/rng.h"
#include "common/config/model_graph.h"
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

/// The teacher's parameters that its students want labels of, besides the present ones.
std::vector<LabelChoice> OtherChoices(const RunConfig& config) {
  std::vector<LabelChoice> choices;
  for (const StudentSettings& student : config.students) {
    const auto known = std::find(choices.begin(), choices.end(), student.label_source);
    if (student.label_source != LabelChoice::kCurrent && known == choices.end()) {
      choices.push_back(student.label_source);
    }
  }
  return choices;
}

/// Where the labels of student `index` come from, on a host of `students`.
std::vector<LabelLink> LinksOf(const RunConfig& config, std::span<const std::size_t> students,
                               std::size_t index) {
  std::vector<LabelLink> links;
  const ModelGraph graph = ModelGraph::Of(config);
  for (const ModelGraph::Source& source : graph.Models()[index + 1].from) {
    if (source.model == 0) {
      links.push_back({{}, source.weight});
      continue;
    }
    const auto hosted = std::find(students.begin(), students.end(), source.model - 1);
    SH_CHECK(hosted != students.end(), "student {} learns from {}, which lives elsewhere", index,
             source.model - 1);
    links.push_back({static_cast<std::size_t>(hosted - students.begin()), source.weight});
  }
  return links;
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
        label_rows, want_labels, OtherChoices(config));
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
      hosted.push_back({.settings = settings,
                        .model = MakeModel(config, spec, settings.optimizer, index + 1, device),
                        .links = LinksOf(config, students, index)});
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
