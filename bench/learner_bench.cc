// The learner's and the students' updates on resident batches against eager LibTorch, one thread:
// JSON lines {name, value, unit, higher_is_better, conditions}.
#include <string>

#include "bench/compare.h"
#include "bench/eager_networks.h"
#include "bench/inference_cases.h"
#include "learner/distill/students.h"
#include "learner/td/teacher.h"

namespace stillhouse::bench {
namespace {

using learner::HostedStudent;
using learner::Students;
using learner::Teacher;

constexpr int kBatches = 16;

/// The same resident batches for both sides.
struct Batches {
  explicit Batches(std::int64_t rows) {
    const auto pool = BreakoutObservations();
    Rng rng(7);
    for (int i = 0; i < kBatches; ++i) ours.push_back(Draw(pool, rows, rng));
    for (const auto& batch : ours) eager.push_back(ToEager(batch));
  }

  static replay::Batch Draw(const std::vector<std::uint8_t>& pool, std::int64_t rows, Rng& rng) {
    replay::Batch batch;
    const auto add = [&](std::vector<std::uint8_t>& out) {
      const auto at = pool.begin() + static_cast<std::ptrdiff_t>(rng.Below(kPool) * 50);
      out.insert(out.end(), at, at + 50);
    };
    for (std::int64_t row = 0; row < rows; ++row) {
      add(batch.observations);
      add(batch.next_observations);
      batch.actions.push_back(static_cast<std::int32_t>(rng.Below(6)));
      batch.rewards.push_back(rng.Uniform() < 0.1 ? 1 : 0);
      batch.discounts.push_back(rng.Uniform() < 0.01 ? 0 : 0.99F);
      batch.weights.push_back(static_cast<float>(rng.Uniform()));
    }
    return batch;
  }

  static torch::Tensor Floats(const std::vector<float>& values) {
    return torch::tensor(torch::ArrayRef<float>(values.data(), values.size()), torch::kFloat32);
  }

  static EagerBatch ToEager(const replay::Batch& batch) {
    const auto actions = torch::empty({std::ssize(batch.actions), 1}, torch::kInt64);
    std::copy(batch.actions.begin(), batch.actions.end(), actions.data_ptr<std::int64_t>());
    return {EagerObservations(batch.observations),
            EagerObservations(batch.next_observations),
            actions,
            Floats(batch.rewards),
            Floats(batch.discounts),
            Floats(batch.weights)};
  }

  std::vector<replay::Batch> ours;
  std::vector<EagerBatch> eager;
};

Teacher MakeTeacher(bool want_labels) {
  const auto spec = TeacherNetwork(ElementKind::kBits);
  const TeacherSettings settings;
  return Teacher(settings, learner::MakeFusedModel(spec, settings.optimizer, BenchParameters(spec)),
                 LabelRows::kS, want_labels);
}

Students MakeStudents(int count) {
  const auto spec = StudentNetwork(ElementKind::kBits);
  std::vector<HostedStudent> hosted;
  for (int k = 0; k < count; ++k) {
    StudentSettings settings;
    settings.rows = LabelRows::kS;
    Rng rng(static_cast<std::uint64_t>(k));
    hosted.push_back({settings, learner::MakeFusedModel(spec, settings.optimizer,
                                                        InitialParameters(spec, rng))});
  }
  return Students(std::move(hosted), {0, 1, 2, 3, 4, 5});
}

LabelledBatch Labelled(const replay::Batch& batch, std::vector<float> labels) {
  LabelledBatch labelled;
  labelled.batch = labelled.rows = static_cast<std::uint32_t>(batch.actions.size());
  labelled.num_actions = 6;
  labelled.weights = batch.weights;
  labelled.labels = std::move(labels);
  labelled.observations = batch.observations;
  return labelled;
}

/// A loop over the resident batches.
template <typename Update>
Step Cycle(Update update) {
  return [update, i = 0]() mutable { update(static_cast<std::size_t>(i++ % kBatches)); };
}

void MeasureTeacher(bool quick) {
  for (const std::int64_t rows : {32, 128}) {
    const Batches batches(rows);
    EagerTeacher eager;
    Teacher ours = MakeTeacher(false);
    Print("learner.update_vs_eager.b" + std::to_string(rows),
          Compare(Cycle([&](std::size_t i) { eager.Update(batches.eager[i]); }),
                  Cycle([&](std::size_t i) { ours.Update(batches.ours[i]); }), quick),
          "double DQN, conv16-fc128, Adam, clipping, resident breakout-like batches");
  }
}

void MeasureStudents(bool quick) {
  const Batches batches(32);
  std::vector<LabelledBatch> labelled;
  std::vector<torch::Tensor> labels;
  Teacher teacher = MakeTeacher(true);
  for (const auto& batch : batches.ours) {
    labelled.push_back(Labelled(batch, teacher.Label(batch).labels));
    labels.push_back(Batches::Floats(labelled.back().labels).view({-1, 6}));
  }
  for (const int hosted : {1, 8}) {
    std::vector<EagerStudent> eager(static_cast<std::size_t>(hosted));
    Students ours = MakeStudents(hosted);
    Print(hosted == 1 ? "student.update_vs_eager.b32" : "student.update_vs_eager.hosted8",
          Compare(Cycle([&](std::size_t i) {
                    for (auto& student : eager) student.Update(batches.eager[i].s, labels[i]);
                  }),
                  Cycle([&](std::size_t i) { ours.Update(labelled[i]); }), quick),
          fmt::format("{} student(s) conv4-fc32, batch 32, sharpened KL, Adam, clipping", hosted));
  }
}

void MeasureMany(bool quick) {
  constexpr int kStudents = 8;
  const Batches batches(32);
  EagerTeacher eager_teacher;
  std::vector<EagerStudent> eager(kStudents);
  Teacher teacher = MakeTeacher(true);
  Students students = MakeStudents(kStudents);
  Print(
      "distill.many_vs_eager.s8",
      Compare(Cycle([&](std::size_t i) {
                const auto labels = eager_teacher.Update(batches.eager[i]);
                for (auto& student : eager) student.Update(batches.eager[i].s, labels);
              }),
              Cycle([&](std::size_t i) {
                students.Update(Labelled(batches.ours[i], teacher.Update(batches.ours[i]).labels));
              }),
              quick),
      "teacher conv16-fc128 and 8 students conv4-fc32, batch 32, labels from the TD step");
}

}  // namespace
}  // namespace stillhouse::bench

int main(int argc, char** argv) {
  using namespace stillhouse::bench;
  TuneProcess(argv);
  torch::set_num_threads(1);
  const bool quick = argc > 1 && std::string(argv[1]) == "--quick";
  MeasureTeacher(quick);
  MeasureStudents(quick);
  MeasureMany(quick);
  return 0;
}
