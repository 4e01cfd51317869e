// The shared module that holds LibTorch, where the build has it. `stillhouse` loads it in learner
// and student processes only (ComputeModule); its two C functions are all it exports.
#include <algorithm>
#include <utility>

#include "common/base/rng.h"
#include "common/config/feature_check.h"
#include "common/config/model_graph.h"
#include "common/model/parameters.h"
#include "learner/distill/students.h"
#include "learner/nn/backend.h"
#include "learner/nn/trained_model.h"
#include "learner/protocol/compute_loader.h"
#include "learner/td/teacher.h"

namespace stillhouse::learner {
namespace {

/// Streams of what losses learn, apart from those of models.
constexpr std::size_t kBesideModels = 1U << 16U;

NetworkSpec TeachersNetwork(const RunConfig& config, const EnvironmentSpec& environment) {
  return NetworkSpec::Create(config.teacher.network, environment.observation,
                             environment.num_actions);
}

/// What the students want of the teacher's inside.
TeacherGives GivesOf(const RunConfig& config, const NetworkSpec& teacher) {
  TeacherGives gives;
  for (const StudentSettings& student : config.students) {
    const auto shared = static_cast<std::size_t>(student.shared_layers);
    gives.parameters = std::max(gives.parameters, ParametersOfFirst(teacher, shared));
    if (!LearnsFeatures(student)) continue;
    const std::size_t layer = FeaturesOf(teacher, student.features.teacher_layer).layer;
    if (std::find(gives.layers.begin(), gives.layers.end(), layer) == gives.layers.end()) {
      gives.layers.push_back(layer);
    }
  }
  return gives;
}

/// The loss between features of student `index`.
FeatureLearner MakeFeatureLearner(const RunConfig& config, const NetworkSpec& teacher,
                                  const NetworkSpec& student, std::size_t index) {
  const StudentSettings& settings = config.students[index];
  const LayerFeatures of_teacher = FeaturesOf(teacher, settings.features.teacher_layer);
  const LayerFeatures of_student = FeaturesOf(student, settings.features.student_layer);
  Rng rng = MakeRng(config.run.seed, RngPurpose::kInitialParameters, kBesideModels + index);
  return FeatureLearner(settings.features, settings.optimizer,
                        {of_student.layer,
                         of_teacher.layer,
                         {of_student.channels, of_student.positions},
                         {of_teacher.channels, of_teacher.positions}},
                        FactorsOf(settings.features, of_teacher), rng);
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
    const auto where = source.where.empty() ? std::nullopt : GameNumber(source.where);
    if (source.model == 0) {
      links.push_back({{}, source.weight, where});
      continue;
    }
    const auto hosted = std::find(students.begin(), students.end(), source.model - 1);
    SH_CHECK(hosted != students.end(), "student {} learns from {}, which lives elsewhere", index,
             source.model - 1);
    links.push_back({static_cast<std::size_t>(hosted - students.begin()), source.weight, where});
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
    const NetworkSpec spec = TeachersNetwork(config, environment);
    TeacherGives gives = GivesOf(config, spec);
    auto model = MakeModel(config, spec, teacher.optimizer, 0, !gives.layers.empty(), gives.layers);
    return std::make_unique<Teacher>(teacher, std::move(model), label_rows, want_labels,
                                     OtherChoices(config), std::move(gives));
  }

  std::unique_ptr<StudentCompute> MakeStudents(const RunConfig& config,
                                               const EnvironmentSpec& environment,
                                               std::span<const std::size_t> students) override {
    std::vector<HostedStudent> hosted;
    for (const std::size_t index : students) {
      SH_CHECK(index < config.students.size(), "student {} of {}", index, config.students.size());
      const StudentSettings& settings = config.students[index];
      const NetworkSpec spec =
          NetworkSpec::Create(settings.network, environment.observation, environment.num_actions);
      hosted.push_back(MakeStudent(config, TeachersNetwork(config, environment), spec, index));
      hosted.back().links = LinksOf(config, students, index);
    }
    const bool copy = std::any_of(students.begin(), students.end(), [&](std::size_t index) {
      return NeedsTeachersCopy(config.students[index]);
    });
    std::unique_ptr<TrainedModel> teacher;
    if (copy) {
      teacher =
          MakeModel(config, TeachersNetwork(config, environment), config.teacher.optimizer, 0);
    }
    return std::make_unique<Students>(std::move(hosted), environment.canonical_action,
                                      std::move(teacher));
  }

  void BeginWith(std::vector<std::vector<float>> initial) override {
    initial_ = std::move(initial);
  }
  std::string Describe() const override { return DescribeBackend(); }

 private:
  /// Model 0 is the teacher, k the k-th student: the number also names its random stream.
  std::vector<float> BeginningOf(const RunConfig& config, const NetworkSpec& spec,
                                 std::size_t model) const {
    if (model < initial_.size() && !initial_[model].empty()) return initial_[model];
    Rng rng = MakeRng(config.run.seed, RngPurpose::kInitialParameters, model);
    return InitialParameters(spec, rng);
  }

  /// `tapped`: one whose layers `taps` are kept; else the usual backend.
  std::unique_ptr<TrainedModel> MakeModel(const RunConfig& config, const NetworkSpec& spec,
                                          const OptimizerSettings& optimizer, std::size_t model,
                                          bool tapped = false,
                                          std::vector<std::size_t> taps = {}) const {
    auto parameters = BeginningOf(config, spec, model);
    const std::string device = ResolveDevice(config.teacher.device);
    if (!tapped) return MakeTrainedModel(spec, optimizer, parameters, device);
    return MakeTappedModel(spec, optimizer, parameters, device, std::move(taps));
  }

  HostedStudent MakeStudent(const RunConfig& config, const NetworkSpec& teacher,
                            const NetworkSpec& spec, std::size_t index) const {
    HostedStudent student;
    student.settings = config.students[index];
    std::vector<std::size_t> taps;
    if (LearnsFeatures(student.settings)) {
      student.features.emplace(MakeFeatureLearner(config, teacher, spec, index));
      taps.push_back(student.features->Link().student_layer);
    }
    const DistillLossSettings& loss = student.settings.loss;
    if (loss.adversarial_weight.Greatest() > 0) {
      Rng rng = MakeRng(config.run.seed, RngPurpose::kInitialParameters, 2 * kBesideModels + index);
      student.adversary.emplace(static_cast<std::size_t>(spec.NumActions()),
                                static_cast<std::size_t>(loss.adversarial_units),
                                loss.temper == Temper::kBoth ? loss.temperature.to : 1.0,
                                student.settings.optimizer, rng);
    }
    if (student.settings.rewards && !student.settings.rewards->where.empty()) {
      student.rewards_where = GameNumber(student.settings.rewards->where);
    }
    const auto shared = static_cast<std::size_t>(student.settings.shared_layers);
    student.shared_parameters = ParametersOfFirst(spec, shared);
    const bool tapped = !taps.empty() || shared > 0;
    student.model =
        MakeModel(config, spec, student.settings.optimizer, index + 1, tapped, std::move(taps));
    return student;
  }

  std::vector<std::vector<float>> initial_;  ///< [models]
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
