#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/data_settings.h"
#include "common/base/label_choice.h"
#include "common/base/several_games.h"
#include "common/config/loss_settings.h"
#include "common/model/network_spec.h"

namespace stillhouse {

/// A length of time as the user wrote it. In deterministic mode it may also be counted in
/// teacher updates or frames.
struct Duration {
  enum class Unit : std::uint8_t { kSeconds, kUpdates, kFrames };
  double value = 0;
  Unit unit = Unit::kSeconds;
  bool operator==(const Duration&) const = default;
};

// ---- run -------------------------------------------------------------------------------------
struct RunSettings {
  std::string name = "run";
  std::uint64_t seed = 1;
  std::string dir = "runs";
  bool deterministic = false;
  std::string token;  ///< empty: a random one per run
  bool operator==(const RunSettings&) const = default;
};

// ---- env -------------------------------------------------------------------------------------
struct EnvironmentSettings {
  std::string id;  ///< the only key without a default
  double sticky_action_prob = 0.1;
  bool difficulty_ramping = true;
  bool mask_actions = false;
  SeveralGamesSettings several;
  DataSettings data;
  bool operator==(const EnvironmentSettings&) const = default;
};

// ---- actors ----------------------------------------------------------------------------------
struct ExplorationSettings {
  enum class Kind : std::uint8_t { kSchedule, kLadder };
  Kind kind = Kind::kSchedule;
  double from = 1.0;             ///< schedule: epsilon at frame 0
  double to = 0.02;              ///< schedule: epsilon from `frames` on
  std::int64_t frames = 100000;  ///< schedule: length of the linear ramp, in run frames
  double epsilon = 0.4;          ///< ladder: eps_i = epsilon^(1 + alpha * i / (N - 1)), Ape-X
  double alpha = 7.0;
  bool operator==(const ExplorationSettings&) const = default;
};

/// A second model that plays (DAgger, Ross et al. 2011): the mixture of two policies moves, by
/// frames of the run.
struct MixSettings {
  std::string model = "none";
  Schedule share;  ///< of the episodes that begin, those that `model` plays; in frames
  bool operator==(const MixSettings&) const = default;
};

struct ActorSettings {
  std::int32_t hosts = 0;    ///< actor-host ranks; 0 = auto
  std::int32_t workers = 0;  ///< worker processes of the whole job; 0 = auto
  std::int32_t envs_per_worker = 32;
  std::int32_t chunk_steps = 32;
  std::int32_t shards_per_worker = 0;  ///< that it writes to; 0 = auto: see worker_shards.h
  Duration hang_after{30, Duration::Unit::kSeconds};  ///< a silent worker is started again
  ExplorationSettings exploration;
  std::string policy = "teacher";  ///< the model that acts: the teacher or a student
  MixSettings mix;                 ///< and the one that does in the other episodes
  std::string listen = "auto";     ///< where shards accept workers: see ListenSpec
  bool operator==(const ActorSettings&) const = default;
};

// ---- replay ----------------------------------------------------------------------------------
enum class DrawKind : std::uint8_t { kStratified, kMultinomial };
enum class WeightNormalization : std::uint8_t { kBatch, kStore };

/// What an acknowledgement of experience promises beyond the shard's memory.
enum class Durability : std::uint8_t {
  kNone,   ///< nothing
  kAsync,  ///< written: survives the death of any process
  kSync,   ///< on the disk: survives the loss of power
};

struct ReplaySettings {
  std::int32_t shards = 2;
  std::int64_t capacity = 1000000;  ///< transitions, whole store
  double alpha = 0.6;
  double beta = 0.4;
  std::int64_t min_size = 5000;
  double samples_per_insert = 8;
  double tolerance = 0;  ///< in samples; 0 = auto
  std::int32_t n_step = 3;
  double discount = 0.99;
  double priority_epsilon = 1e-6;
  DrawKind draw = DrawKind::kStratified;
  WeightNormalization weight_normalization = WeightNormalization::kBatch;
  Durability durability = Durability::kAsync;
  std::string from = "none";  ///< stored experience to learn from, instead of playing
  std::string dir = "auto";   ///< of the segments; auto: `replay` in the run directory
  bool operator==(const ReplaySettings&) const = default;
};

// ---- models ----------------------------------------------------------------------------------
struct OptimizerSettings {
  enum class Kind : std::uint8_t { kAdam, kRmsProp };
  Kind kind = Kind::kAdam;
  double learning_rate = 2.5e-4;
  double epsilon = 1e-8;
  double beta1 = 0.9;           ///< adam
  double beta2 = 0.999;         ///< adam
  double alpha = 0.99;          ///< rmsprop: smoothing
  double momentum = 0.0;        ///< rmsprop
  bool centered = false;        ///< rmsprop
  double max_grad_norm = 10.0;  ///< 0 = no clipping
  bool operator==(const OptimizerSettings&) const = default;
};

struct AlgorithmSettings {
  enum class Kind : std::uint8_t {
    kDqn,
    kSupervised,  ///< cross-entropy with the labels of a data set
    kFrozen,      ///< it has learnt already and only labels
  };
  enum class Loss : std::uint8_t { kSquared, kHuber };
  Kind kind = Kind::kDqn;
  bool double_q = true;  ///< key `double`
  Loss loss = Loss::kSquared;
  double huber_delta = 1.0;
  bool operator==(const AlgorithmSettings&) const = default;
};

/// Which parameters become the frozen teacher at the end.
enum class FinalTeacher : std::uint8_t { kAverage, kLast, kBest };

struct TeacherSettings {
  std::vector<LayerSpec> network;
  AlgorithmSettings algorithm;
  OptimizerSettings optimizer;
  std::int32_t batch_size = 32;
  std::int32_t publish_every = 100;   ///< updates between publications (= versions) of weights
  std::int32_t target_update = 1000;  ///< updates between hard copies to the target network
  std::int32_t prefetch = 16;         ///< batches requested ahead
  std::int32_t learners = 1;          ///< ranks that share each update's batch
  std::string device = "auto";        ///< auto | cpu | cuda:N
  FinalTeacher final = FinalTeacher::kAverage;
  std::int32_t average = 5000;  ///< updates that the Polyak average spans
  std::string init = "none";    ///< RUN_DIR:MODEL or a file: what the network starts from
  bool operator==(const TeacherSettings&) const = default;
};

/// What becomes of a batch whose labels are older than max_label_age.
enum class StaleLabels : std::uint8_t { kDrop, kRelabel };
/// Where the teacher's labels are made.
enum class LabelPlace : std::uint8_t { kStream, kLocal };
/// When a student learns.
enum class StudentTime : std::uint8_t {
  kAlong,  ///< while the teacher does, and in the tail
  kAfter,  ///< in the tail alone, from the frozen teacher
};
enum class LabelRows : std::uint8_t { kS, kSAndNext };

/// One model that a student learns from: an edge of the distillation graph (model_graph.h).
struct SourceSettings {
  std::string model = "teacher";
  double weight = 1;    ///< relative to the student's other sources
  std::string where{};  ///< context whose rows alone it labels (contexts.h); empty: every row
  bool operator==(const SourceSettings&) const = default;
};

/// What multiplies the labels' loss beside the TD loss (Schmitt et al. 2018, "Kickstarting").
struct LambdaSettings {
  enum class Kind : std::uint8_t {
    kLinear,     ///< from `from` to `to` over `updates`, then `to`; both alike: fixed
    kReturnGap,  ///< max(0, 1 - G_s / G_t), G the return above random's in the newest evaluation
  };
  Kind kind = Kind::kLinear;
  double from = 1;
  double to = 1;
  std::int64_t updates = 0;  ///< of the student
  bool operator==(const LambdaSettings&) const = default;
};

/// Learning from rewards besides, or instead of, labels: DQN on the teacher's batches.
struct RewardSettings {
  bool double_q = true;  ///< key `double`
  AlgorithmSettings::Loss loss = AlgorithmSettings::Loss::kSquared;
  double huber_delta = 1.0;
  std::int32_t target_update = 1000;  ///< updates of the student between hard copies
  double weight = 1;                  ///< of the TD loss
  std::string where{};                ///< context whose rows alone it learns in; empty: every row
  LambdaSettings lambda;
  bool operator==(const RewardSettings&) const = default;
};

struct StudentSettings {
  std::string name;  ///< the key in the map
  std::vector<LayerSpec> network;
  OptimizerSettings optimizer{.learning_rate = 1e-3};
  DistillLossSettings loss;
  FeatureSettings features;
  LabelRows rows = LabelRows::kSAndNext;
  std::vector<SourceSettings> from = {SourceSettings{}};
  LabelChoice label_source = LabelChoice::kCurrent;  ///< of the teacher's labels
  std::int64_t max_label_age = 0;  ///< teacher updates; older labels are not learnt from; 0: none
  StudentTime when = StudentTime::kAlong;
  StaleLabels on_stale = StaleLabels::kDrop;
  LabelPlace labels = LabelPlace::kStream;
  std::string init = "none";  ///< as the teacher's
  bool frozen = false;        ///< it has learnt already and only labels
  std::optional<RewardSettings> rewards;
  std::int32_t publish_every = 100;  ///< updates between publications of weights
  std::int32_t omit = -1;       ///< key `data.omit`: rows of this label are kept from it; -1: none
  bool correct_bias = false;    ///< key `data.correct_bias`: of that label, in published weights
  bool shuffle_labels = false;  ///< key `data.shuffle_labels`: each row gets another row's label
  std::int64_t rounds = 0;      ///< updates of a turn, then the others of its host; 0: no turns
  /// So many of its first layers are the teacher's, with the teacher's weights: the rest is learnt.
  std::int32_t shared_layers = 0;
  bool operator==(const StudentSettings&) const = default;
};

// ---- the rest --------------------------------------------------------------------------------
struct EvaluationSettings {
  Duration every{60, Duration::Unit::kSeconds};
  std::int32_t episodes = 32;
  std::int32_t final_episodes = 1000;
  double epsilon = 0.0;
  std::int32_t max_steps = 10000;
  bool operator==(const EvaluationSettings&) const = default;
};

/// The run's training ends when the first limit is met; at least one must be set. With none of
/// them in the file the loader sets `frames` to kDefaultFrames.
struct StopSettings {
  static constexpr std::int64_t kDefaultFrames = 5000000;
  std::optional<std::int64_t> frames;
  std::optional<std::int64_t> updates;
  std::optional<Duration> time;
  std::optional<double> teacher_return;
  double distill_tail = 0.1;  ///< fraction of the elapsed time
  std::int64_t plateau = 0;   ///< student updates without a rise of agreement; 0: not looked at
  bool operator==(const StopSettings&) const = default;
};

struct CheckpointSettings {
  Duration every{300, Duration::Unit::kSeconds};  ///< 0: only those that somebody asks for
  std::int32_t keep = 3;
  bool operator==(const CheckpointSettings&) const = default;
};

struct MonitorSettings {
  Duration log_every{5, Duration::Unit::kSeconds};
  Duration stall_after{30, Duration::Unit::kSeconds};  ///< without progress; then the log says why
  bool operator==(const MonitorSettings&) const = default;
};

/// The whole configuration, as resolved. Plain values; config_fields.h says what each may be.
struct RunConfig {
  RunSettings run;
  EnvironmentSettings env;
  ActorSettings actors;
  ReplaySettings replay;
  TeacherSettings teacher;
  std::vector<StudentSettings> students;  ///< in the file's order
  EvaluationSettings evaluation;
  CheckpointSettings checkpoint;
  StopSettings stop;
  MonitorSettings monitor;
  bool operator==(const RunConfig&) const = default;
};

}  // namespace stillhouse
