#include "common/config/config_fields.h"

#include <algorithm>
#include <cctype>

#include "common/base/listen_spec.h"
#include "common/config/contexts.h"
#include "common/config/schedule_field.h"

namespace stillhouse {
namespace {

constexpr double kMaxCount = 1e15;

bool IsAnyText(const std::string& text) { return !text.empty() && text.size() <= 4096; }

/// An empty path stands for no file.
bool IsFile(const std::string& text) { return text.size() <= 4096; }

bool IsToken(const std::string& text) {
  return text.size() <= 256 && std::all_of(text.begin(), text.end(),
                                           [](unsigned char c) { return c > 0x20 && c < 0x7F; });
}

bool IsListen(const std::string& text) { return ListenSpec::Parse(text).has_value(); }

FieldList<RunSettings> JobFields() {
  using S = RunSettings;
  return {
      TextField<S>("name", &S::name, IsPlainName, "letters, digits, '.', '_', '-'",
                   "Name of the run; its directory is `<run.dir>/<run.name>/`."),
      IntegerField<S>("seed", &S::seed, {0, 9e15}, "Every random stream of the run comes from it."),
      TextField<S>("dir", &S::dir, IsAnyText, "path", "Where run directories are made."),
      FlagField<S>("deterministic", &S::deterministic,
                   "One process, virtual time, byte-equal results between runs on one machine."),
      SecretField<S>("token", &S::token, IsToken, "up to 256 printable characters without blanks",
                     "Secret that workers must show; empty: a random one for each run."),
  };
}

/// The options of data sets. Each field is marked with those that have it.
FieldList<EnvironmentSettings> DataFields() {
  using S = EnvironmentSettings;
  using D = DataSettings;
  FieldList<S> fields;
  const auto add = [&](Field<D> field, std::vector<std::string> ids) {
    FieldList<S> lifted;
    AppendFields(lifted, "options", &S::data, {std::move(field)});
    std::string only_with;
    for (const auto& id : ids) only_with += (only_with.empty() ? "env.id: " : " or ") + id;
    fields.push_back(OnlyWith<S>(std::move(lifted.front()), only_with, [ids](const S& env) {
      return std::find(ids.begin(), ids.end(), env.id) != ids.end();
    }));
  };
  const std::string digits = "data/digits", idx = "data/idx", text = "data/text", csv = "data/csv";
  const auto file = [](const char* name, std::string D::*member, const char* doc) {
    return TextField<D>(name, member, IsFile, "path", doc);
  };
  add(file("train_images", &D::train_images, "IDX file of the images to learn from."), {idx});
  add(file("train_labels", &D::train_labels, "IDX file of their labels."), {idx});
  add(file("test_images", &D::test_images, "IDX file of the images to evaluate with."), {idx});
  add(file("test_labels", &D::test_labels, "IDX file of their labels."), {idx});
  add(file("train", &D::train, "File of the examples to learn from."), {text, csv});
  add(file("test", &D::test, "File of the examples to evaluate with; empty: see held_out."),
      {text, csv});
  add(TextField<D>("label", &D::label, IsAnyText, "name", "The column that is to be told."), {csv});
  add(IntegerField<D>("scale", &D::scale, {1, 255}, "Pixel value that becomes 1."), {idx});
  add(IntegerField<D>(
          "resize", &D::resize, {0, 512},
          "Rows = columns of the observation, by linear interpolation; 0: as they are."),
      {digits, idx});
  add(IntegerField<D>("vocabulary", &D::vocabulary, {3, 1e6},
                      "Tokens that are told apart, the most frequent ones, with 0 for padding and "
                      "1 for all others."),
      {text});
  add(IntegerField<D>("length", &D::length, {1, 4096},
                      "Tokens of an observation; longer texts are cut, shorter ones padded."),
      {text});
  add(NumberField<D>("held_out", &D::held_out, {0, 0.9, true},
                     "Share of the examples kept from training for evaluation, without a test "
                     "file."),
      {idx, text, csv});
  add(IntegerField<D>("omit", &D::omit, {-1, 65535},
                      "Class that nobody is trained with; -1: none."),
      {digits, idx, text, csv});
  add(IntegerField<D>("only", &D::only, {-1, 65535}, "Class that alone is evaluated; -1: all."),
      {digits, idx, text, csv});
  return fields;
}

FieldList<EnvironmentSettings> EnvironmentFields() {
  using S = EnvironmentSettings;
  const auto minatar = [](const S& env) { return env.id.starts_with("minatar/"); };
  FieldList<S> fields = {
      TextField<S>("id", &S::id, IsAnyText, "minatar/..., classic/..., box2d/... or data/...",
                   "The environment (`stillhouse list envs`). The only key without a default."),
      OnlyWith<S>(NumberField<S>("options.sticky_action_prob", &S::sticky_action_prob, {0, 1},
                                 "Probability that the previous action is repeated "
                                 "(Machado et al. 2018)."),
                  "env.id: minatar/...", minatar),
      OnlyWith<S>(FlagField<S>("options.difficulty_ramping", &S::difficulty_ramping,
                               "Games get harder as an episode goes on."),
                  "env.id: minatar/...", minatar),
      OnlyWith<S>(FlagField<S>("options.mask_actions", &S::mask_actions,
                               "Of the six actions those that the game has no use for are illegal: "
                               "never played, in no target, in no label (docs/masks.md)."),
                  "env.id: minatar/... of one game",
                  [minatar](const S& env) { return minatar(env) && !PlaysSeveralGames(env.id); }),
  };
  for (const FieldList<S>& more : {SeveralGamesFields(), DataFields()}) {
    fields.insert(fields.end(), more.begin(), more.end());
  }
  return fields;
}

FieldList<ExplorationSettings> ExplorationFields() {
  using S = ExplorationSettings;
  const auto schedule = [](const S& e) { return e.kind == S::Kind::kSchedule; };
  const auto ladder = [](const S& e) { return e.kind == S::Kind::kLadder; };
  return {
      WordField<S, S::Kind>("kind", &S::kind,
                            {{"schedule", S::Kind::kSchedule}, {"ladder", S::Kind::kLadder}}, {},
                            "One epsilon that falls with the run's frames, or one constant "
                            "epsilon for each environment (Ape-X)."),
      OnlyWith<S>(NumberField<S>("from", &S::from, {0, 1}, "Epsilon at frame 0."), "kind: schedule",
                  schedule),
      OnlyWith<S>(NumberField<S>("to", &S::to, {0, 1}, "Epsilon from frame `frames` on."),
                  "kind: schedule", schedule),
      OnlyWith<S>(IntegerField<S>("frames", &S::frames, {1, kMaxCount},
                                  "Length of the linear fall, in frames of the run."),
                  "kind: schedule", schedule),
      OnlyWith<S>(NumberField<S>("epsilon", &S::epsilon, {0, 1},
                                 "Base of the ladder: eps_i = epsilon^(1 + alpha * i / (N - 1))."),
                  "kind: ladder", ladder),
      OnlyWith<S>(NumberField<S>("alpha", &S::alpha, {0, 100}, "Steepness of the ladder."),
                  "kind: ladder", ladder),
  };
}

FieldList<MixSettings> MixFields() {
  using S = MixSettings;
  return {
      TextField<S>("model", &S::model, IsPlainName, "none, teacher or a student's name",
                   "A second model that plays: in each episode either it or `actors.policy` acts "
                   "from beginning to end (a DAgger mixture, Ross et al. 2011)."),
      OnlyWith<S>(ScheduleField<S>("share", &S::share, {0, 1},
                                   "Share of the episodes that it plays; a map moves it on a line "
                                   "over the run's first `frames` frames.",
                                   "frames"),
                  "actors.mix.model", [](const S& m) { return m.model != "none"; }),
  };
}

FieldList<ActorSettings> ActorFields() {
  using S = ActorSettings;
  FieldList<S> fields = {
      AutoField<S>("hosts", &S::hosts, {1, 10000},
                   "Ranks that start and supervise workers; auto: every rank left over."),
      AutoField<S>("workers", &S::workers, {1, 100000},
                   "Worker processes of the job; auto: the cores that learner and student hosts "
                   "leave, at least one a host."),
      IntegerField<S>("envs_per_worker", &S::envs_per_worker, {1, 4096},
                      "Environments that one worker steps together."),
      IntegerField<S>("chunk_steps", &S::chunk_steps, {1, 4096},
                      "Steps of one environment in one message of experience."),
      AutoField<S>("shards_per_worker", &S::shards_per_worker, {1, 10000},
                   "Shards that one worker is connected to and writes to. auto: all, until a shard "
                   "would serve more than 500 workers; then fewer, at least four."),
      DurationField<S>("hang_after", &S::hang_after, {0, 1e9, true},
                       "A worker process that gives no sign of life for so long is killed and "
                       "started again. One that waits for the learner gives signs."),
      TextField<S>("policy", &S::policy, IsPlainName, "teacher or a student's name",
                   "The model that acts. A student: it sees the states that its own play leads to, "
                   "and everybody learns from them."),
  };
  AppendFields(fields, "mix", &S::mix, MixFields());
  AppendFields(fields, "exploration", &S::exploration, ExplorationFields());
  fields.push_back(TextField<S>(
      "listen", &S::listen, IsListen,
      "auto, ADDRESS, SUBNET/BITS, INTERFACE or NAME, each with or without :PORT",
      "Where shards accept workers. auto: the loopback address, or, when the job has several "
      "hosts, the address of each host's name, or its only one. A subnet or an interface picks "
      "each host's address in it. No port: any free one; with one, the shards of a host take it "
      "and those after it."));
  return fields;
}

FieldList<ReplaySettings> ReplayFields() {
  using S = ReplaySettings;
  return {
      IntegerField<S>("shards", &S::shards, {1, 1024}, "Parts that the store is split into."),
      IntegerField<S>("capacity", &S::capacity, {1, 1e12}, "Transitions in the whole store."),
      NumberField<S>("alpha", &S::alpha, {0, 4},
                     "Priority exponent; 0: uniform sampling (Schaul et al. 2016)."),
      NumberField<S>("beta", &S::beta, {0, 1}, "Exponent of the importance weights."),
      IntegerField<S>("min_size", &S::min_size, {1, 1e12},
                      "Transitions inserted before anything is sampled."),
      NumberField<S>("samples_per_insert", &S::samples_per_insert, {0, 1e6, true},
                     "How often a transition is sampled on average; one side waits for the other."),
      AutoField<S>("tolerance", &S::tolerance, {0, 1e15, true},
                   "Samples by which the ratio may be off; auto: the larger of 0.1 * min_size * "
                   "samples_per_insert and twice what can be in flight; less is refused."),
      IntegerField<S>("n_step", &S::n_step, {1, 1000}, "Steps summed into one return."),
      NumberField<S>("discount", &S::discount, {0, 1}, "Discount of one step."),
      NumberField<S>("priority_epsilon", &S::priority_epsilon, {0, 1},
                     "Added to the absolute TD error so that no priority is zero."),
      WordField<S, DrawKind>(
          "draw", &S::draw,
          {{"stratified", DrawKind::kStratified}, {"multinomial", DrawKind::kMultinomial}}, {},
          "How a batch is drawn from the priorities."),
      WordField<S, WeightNormalization>(
          "weight_normalization", &S::weight_normalization,
          {{"batch", WeightNormalization::kBatch}, {"store", WeightNormalization::kStore}}, {},
          "Importance weights are divided by the largest of the "
          "batch, or of the store."),
      WordField<S, Durability>(
          "durability", &S::durability,
          {{"none", Durability::kNone}, {"async", Durability::kAsync}, {"sync", Durability::kSync}},
          {},
          "What an acknowledgement of experience promises beyond memory. async: it is written, and "
          "survives the death of any process; sync: it is on the disk, and survives the loss of "
          "power."),
      FixedField<S>("compression", {"auto", "none"}, {"zstd"}, "General compression of chunks."),
      TextField<S>("from", &S::from, IsAnyText, "none, a run's directory or its replay folder",
                   "Stored experience to learn from (a copy of it), instead of playing: workers "
                   "only evaluate. By as many shards, of the same env and n_step."),
      TextField<S>("dir", &S::dir, IsAnyText, "auto or a path",
                   "Where the shards keep their segments, e.g. a disk of each host; auto: `replay` "
                   "in the run directory."),
  };
}

FieldList<EvaluationSettings> EvaluationFields() {
  using S = EvaluationSettings;
  return {
      DurationField<S>("every", &S::every, {0, 1e9, true}, "Time between evaluations of a model."),
      IntegerField<S>("episodes", &S::episodes, {1, 1e6}, "Episodes of one evaluation."),
      IntegerField<S>("final_episodes", &S::final_episodes, {1, 1e6},
                      "Episodes of the evaluation at the end of the run."),
      NumberField<S>("epsilon", &S::epsilon, {0, 1}, "Random actions during evaluation."),
      IntegerField<S>("max_steps", &S::max_steps, {1, 1e8}, "Steps after which an episode is cut."),
  };
}

FieldList<CheckpointSettings> CheckpointFields() {
  using S = CheckpointSettings;
  auto every = DurationField<S>("every", &S::every, {0, 1e9, true},
                                "Time between checkpoints; off: only when a signal asks for one.");
  every.allowed = "off | " + every.allowed;
  every.read = [read = std::move(every.read)](const FieldInput& in, S& out) {
    if (!IsWord(in.node, "off")) return read(in, out);
    out.every = {0, Duration::Unit::kSeconds};
  };
  every.print = [print = std::move(every.print)](const S& in) {
    return in.every.value == 0 ? std::string("off") : print(in);
  };
  return {std::move(every), IntegerField<S>("keep", &S::keep, {1, 1000}, "Checkpoints that stay.")};
}

FieldList<MonitorSettings> MonitorFields() {
  using S = MonitorSettings;
  return {
      FixedField<S>("http", {"off"}, {}, "Address of the monitoring server."),
      FixedField<S>("tensorboard", {"false"}, {"true"}, "Event files for TensorBoard."),
      FixedField<S>("token", {}, {}, "Bearer token of the monitoring server."),
      DurationField<S>("log_every", &S::log_every, {0, 1e9, true},
                       "Time between lines of the progress log."),
      DurationField<S>("stall_after", &S::stall_after, {0, 1e9, true},
                       "When there has been no frame, no update and no evaluation episode for so "
                       "long, the log says who waits for whom."),
  };
}

}  // namespace

bool IsPlainName(const std::string& name) {
  return !name.empty() && name.size() <= 100 && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
         });
}

FieldList<RunConfig> RunFields() {
  using S = RunConfig;
  FieldList<S> fields;
  AppendFields(fields, "run", &S::run, JobFields());
  AppendFields(fields, "env", &S::env, EnvironmentFields());
  AppendFields(fields, "actors", &S::actors, ActorFields());
  AppendFields(fields, "replay", &S::replay, ReplayFields());
  AppendFields(fields, "teacher", &S::teacher, TeacherFields());
  fields.push_back(TeachersField());
  fields.push_back(StudentsField());
  AppendFields(fields, "evaluation", &S::evaluation, EvaluationFields());
  AppendFields(fields, "checkpoint", &S::checkpoint, CheckpointFields());
  AppendFields(fields, "stop", &S::stop, StopFields());
  AppendFields(fields, "monitor", &S::monitor, MonitorFields());
  return fields;
}

}  // namespace stillhouse
