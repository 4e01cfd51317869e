// The teacher's and the students' updates on batches that lie in memory, through the very module
// that the job loads: what a learner could do if nothing but learning were to be done. JSON lines
// {name, value, unit, higher_is_better, conditions}.
//   resident_bench [--quick] [--only teacher|students|labels] [--seconds S] [--batch ROWS]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "actors/env/environment_factory.h"
#include "common/base/rng.h"
#include "common/config/config_load.h"
#include "learner/protocol/compute_loader.h"

namespace stillhouse::bench {
namespace {

constexpr std::size_t kBatches = 1024;  ///< batches that a loop cycles through
constexpr std::size_t kTransitions = 30000;
constexpr std::size_t kRelabellers = 4;

struct Options {
  bool quick = false;
  std::string only;
  double seconds = 0;  ///< a repeat; 0 = 0.5, quick 0.05
  int batch = 0;       ///< rows; 0: as the preset has them
  int Repeats() const { return quick ? 5 : 7; }
  /// Updates before the clock starts: the kernels skip what is zero, and a network that has learnt
  /// for a while has more zeros than a new one.
  int WarmUp() const { return quick ? 2000 : 6000; }
  double Seconds() const { return seconds > 0 ? seconds : quick ? 0.1 : 0.5; }
};

/// CPU time of this thread: on a busy machine that is what an update costs.
double ThreadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Rate {
  double per_s = 0;      ///< calls a second of wall time
  double per_cpu_s = 0;  ///< a second of CPU time
};

/// One repeat: calls `step` for about `seconds`.
Rate RateOf(const std::function<void()>& step, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const double cpu = ThreadSeconds();
  double took = 0;
  int calls = 0;
  while (took < seconds) {
    for (int i = 0; i < 16; ++i) step();
    calls += 16;
    took = std::chrono::duration<double>(Clock::now() - start).count();
  }
  return {calls / took, calls / (ThreadSeconds() - cpu)};
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string Spread(const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return fmt::format("median of {} repeats, {:.4g} to {:.4g}", values.size(), *least, *most);
}

void Print(const std::string& name, double value, const std::string& unit,
           const std::string& conditions) {
  fmt::print(
      R"({{"name":"{}","value":{:.5g},"unit":"{}","higher_is_better":true,"conditions":"{}"}})"
      "\n",
      name, value, unit, conditions);
  std::fflush(stdout);
}

/// Transitions of random play, n steps long, as the shards would hand them out.
struct Transitions {
  Transitions(const RunConfig& config, std::size_t count)
      : environment(actors::MakeEnvironment(config.env.id)),
        packed(static_cast<std::size_t>(environment->Spec().observation.PackedBytes())) {
    const auto n = static_cast<std::size_t>(config.replay.n_step);
    environment->Seed(1);
    Rng rng(3);
    while (actions.size() < count) PlayEpisode(n, config.replay.discount, rng);
  }

  void PlayEpisode(std::size_t n, double discount, Rng& rng) {
    std::vector<std::vector<std::uint8_t>> states;
    std::vector<std::int32_t> taken;
    std::vector<float> earned;
    environment->Reset();
    const auto observe = [&] {
      states.emplace_back(packed);
      environment->Observe(states.back());
    };
    observe();
    for (bool done = false; !done;) {
      taken.push_back(static_cast<std::int32_t>(
          rng.Below(static_cast<std::uint64_t>(environment->Spec().num_actions))));
      const auto result = environment->Step(taken.back());
      earned.push_back(result.reward);
      done = result.Done();
      observe();
    }
    for (std::size_t t = 0; t < taken.size(); ++t) {
      const std::size_t end = std::min(t + n, taken.size());
      double sum = 0;
      for (std::size_t k = end; k > t; --k)
        sum = static_cast<double>(earned[k - 1]) + discount * sum;
      now.push_back(states[t]);
      next.push_back(states[end]);
      actions.push_back(taken[t]);
      rewards.push_back(static_cast<float>(sum));
      discounts.push_back(end == taken.size() ? 0
                                              : static_cast<float>(std::pow(
                                                    discount, static_cast<double>(end - t))));
    }
  }

  std::unique_ptr<actors::Environment> environment;
  std::size_t packed;
  std::vector<std::vector<std::uint8_t>> now, next;
  std::vector<std::int32_t> actions;
  std::vector<float> rewards, discounts;
};

/// The breakout preset, its compute and resident batches of the game's own transitions.
struct Preset {
  Preset(const learner::ComputeModule& module, int batch) : factory(module.Factory()) {
    config = LoadConfig(STILLHOUSE_SOURCE_DIR "/configs/breakout.yaml");
    if (batch > 0) config.teacher.batch_size = batch;
    environment = actors::MakeEnvironment(config.env.id)->Spec();
    const Transitions pool(config, kTransitions);
    Rng rng(7);
    for (std::size_t i = 0; i < kBatches; ++i) batches.push_back(Draw(pool, rng));
  }

  replay::Batch Draw(const Transitions& pool, Rng& rng) const {
    replay::Batch batch;
    for (std::int32_t row = 0; row < config.teacher.batch_size; ++row) {
      const auto i = static_cast<std::size_t>(rng.Below(pool.actions.size()));
      batch.observations.insert(batch.observations.end(), pool.now[i].begin(), pool.now[i].end());
      batch.next_observations.insert(batch.next_observations.end(), pool.next[i].begin(),
                                     pool.next[i].end());
      batch.handles.push_back(i);
      batch.actions.push_back(pool.actions[i]);
      batch.rewards.push_back(pool.rewards[i]);
      batch.discounts.push_back(pool.discounts[i]);
      batch.weights.push_back(1);
    }
    return batch;
  }

  std::unique_ptr<learner::TeacherCompute> Teacher(bool labels) const {
    return factory.MakeTeacher(config, environment, LabelRows::kSAndNext, labels);
  }
  std::unique_ptr<learner::StudentCompute> Students(const std::vector<std::size_t>& which) const {
    return factory.MakeStudents(config, environment, which);
  }

  LabelledBatch Labelled(const replay::Batch& batch, std::vector<float> labels) const {
    LabelledBatch labelled;
    labelled.batch = static_cast<std::uint32_t>(batch.Size());
    labelled.num_actions = static_cast<std::uint32_t>(environment.num_actions);
    labelled.rows = static_cast<std::uint32_t>(labels.size()) / labelled.num_actions;
    labelled.weights = batch.weights;
    labelled.labels = std::move(labels);
    labelled.observations = batch.observations;
    labelled.observations.insert(labelled.observations.end(), batch.next_observations.begin(),
                                 batch.next_observations.end());
    return labelled;
  }

  learner::ComputeFactory& factory;
  RunConfig config;
  EnvironmentSpec environment;
  std::vector<replay::Batch> batches;
};

/// Repeats of `step` in a row after the warm-up.
std::pair<std::vector<double>, std::vector<double>> Repeat(const std::function<void()>& step,
                                                           const Options& options) {
  for (int i = 0; i < options.WarmUp(); ++i) step();
  std::vector<double> wall;
  std::vector<double> cpu;
  for (int i = 0; i < options.Repeats(); ++i) {
    const Rate rate = RateOf(step, options.Seconds());
    wall.push_back(rate.per_s);
    cpu.push_back(rate.per_cpu_s);
  }
  return {wall, cpu};
}

void MeasureTeacher(const Preset& preset, const Options& options) {
  for (const bool labels : {false, true}) {
    const auto teacher = preset.Teacher(labels);
    std::size_t next = 0;
    const auto [wall, cpu] =
        Repeat([&] { teacher->Update(preset.batches[next++ % kBatches]); }, options);
    Print(
        labels ? "learner.resident_updates_per_s.with_labels" : "learner.resident_updates_per_s",
        Median(wall), "updates/s",
        fmt::format("breakout preset's teacher after {} updates, batch {}, {} resident batches of "
                    "the game, {}labels, one thread; {}; {:.5g} updates a CPU-second",
                    options.WarmUp(), preset.config.teacher.batch_size, kBatches,
                    labels ? "with " : "no ", Spread(wall), Median(cpu)));
  }
}

std::vector<LabelledBatch> LabelAll(const Preset& preset, const Options& options) {
  const auto teacher = preset.Teacher(true);
  for (int i = 0; i < options.WarmUp(); ++i) {
    teacher->Update(preset.batches[static_cast<std::size_t>(i) % kBatches]);
  }
  std::vector<LabelledBatch> labelled;
  for (const auto& batch : preset.batches) {
    labelled.push_back(preset.Labelled(batch, teacher->Label(batch).labels));
  }
  return labelled;
}

void MeasureStudents(const Preset& preset, const Options& options) {
  const auto labelled = LabelAll(preset, options);
  std::vector<std::size_t> all;
  const auto measure = [&](const std::string& suffix, const std::vector<std::size_t>& which) {
    const auto students = preset.Students(which);
    std::size_t next = 0;
    const auto [wall, cpu] =
        Repeat([&] { students->Update(labelled[next++ % kBatches]); }, options);
    Print("student.resident_updates_per_s" + suffix, Median(wall), "batches/s",
          fmt::format("{} student(s) of the breakout preset on one host, {} labelled rows a batch, "
                      "{} resident batches, one thread; {}; {:.5g} batches a CPU-second",
                      which.size(), labelled.front().rows, kBatches, Spread(wall), Median(cpu)));
  };
  for (std::size_t k = 0; k < preset.config.students.size(); ++k) {
    all.push_back(k);
    measure("." + preset.config.students[k].name, {k});
  }
  measure("", all);
}

/// Four students of the tiny kind. Both sides do the same learning; they differ in how often the
/// teacher's network runs for the labels.
void MeasureLabelling(const Preset& original, const Options& options) {
  Preset preset = original;
  preset.config.students.assign(kRelabellers, original.config.students.back());
  std::vector<std::size_t> all;
  for (std::size_t k = 0; k < kRelabellers; ++k) all.push_back(k);
  const auto once_teacher = preset.Teacher(true);
  const auto again_teacher = preset.Teacher(false);
  const auto once_students = preset.Students(all);
  const auto again_students = preset.Students(all);
  std::size_t next = 0;
  const auto once = [&] {
    const auto& batch = preset.batches[next++ % kBatches];
    auto step = once_teacher->Update(batch);
    once_students->Update(preset.Labelled(batch, std::move(step.labels)));
  };
  const auto again = [&] {
    const auto& batch = preset.batches[next++ % kBatches];
    again_teacher->Update(batch);
    std::vector<float> labels;
    for (std::size_t k = 0; k < kRelabellers; ++k) labels = again_teacher->Label(batch).labels;
    again_students->Update(preset.Labelled(batch, std::move(labels)));
  };
  for (int i = 0; i < options.WarmUp() / 2; ++i) {
    once();
    again();
  }
  std::vector<double> ratios, fast, slow;
  for (int i = 0; i < options.Repeats(); ++i) {
    fast.push_back(RateOf(once, options.Seconds()).per_cpu_s);
    slow.push_back(RateOf(again, options.Seconds()).per_cpu_s);
    ratios.push_back(fast.back() / slow.back());
  }
  Print(
      "distill.label_once_vs_relabel", Median(ratios), "x",
      fmt::format(
          "teacher and {} students ({}, 6.5 % of it, on one host), rows s and s', batch "
          "{}: labels of the TD step {:.4g} updates a CPU-second, each student running the teacher "
          "again {:.4g}; interleaved, one thread, {}; teacher forwards a labelled row "
          "and version: 1 against {}",
          kRelabellers, preset.config.students.back().name, preset.config.teacher.batch_size,
          Median(fast), Median(slow), Spread(ratios), kRelabellers + 1));
}

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--quick") options.quick = true;
    if (word == "--only" && i + 1 < argc) options.only = argv[++i];
    if (word == "--batch" && i + 1 < argc) options.batch = std::stoi(argv[++i]);
    if (word == "--seconds" && i + 1 < argc) options.seconds = std::stod(argv[++i]);
  }
  return options;
}

}  // namespace
}  // namespace stillhouse::bench

int main(int argc, char** argv) {
  using namespace stillhouse;
  const auto options = bench::Parse(argc, argv);
  const auto module = learner::ComputeModule::Load();
  const bench::Preset preset(module, options.batch);
  const auto wanted = [&](std::string_view part) {
    return options.only.empty() || options.only == part;
  };
  if (wanted("teacher")) bench::MeasureTeacher(preset, options);
  if (wanted("students")) bench::MeasureStudents(preset, options);
  if (wanted("labels")) bench::MeasureLabelling(preset, options);
  return 0;
}
