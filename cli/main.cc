#include <cstdio>
#include <exception>
#include <iostream>

#include <CLI/CLI.hpp>

#include "cli/actor_command.h"
#include "cli/eval_command.h"
#include "cli/export_command.h"
#include "cli/list.h"
#include "cli/plan.h"
#include "cli/rank_control.h"
#include "cli/replay_command.h"
#include "cli/train.h"
#include "common/base/error.h"
#include "common/base/memory.h"
#include "common/base/secret.h"

namespace {

constexpr int kFailed = 1;
constexpr int kBadInput = 2;

/// Commands of the contract whose feature does not exist yet: refused, never ignored.
constexpr const char* kNotBuiltYet[] = {"status", "new-env"};

CLI::App* AddEval(CLI::App& app, stillhouse::cli::EvalOptions& eval) {
  auto* command = app.add_subcommand("eval", "play episodes with stored models and measure them");
  command->footer(
      "MODEL: RUN_DIR:NAME, RUN_DIR/checkpoints/<updates>:NAME, or a file: models/<name>.native, "
      "teacher.state or student-<name>.state of a checkpoint. Of several MODELs each is compared "
      "with the first, on the same seeds.");
  command->add_option("MODEL", eval.models, "what plays")->required();
  command->add_option("--env", eval.environment, "environment; default: the run's of MODEL");
  command->add_option("--episodes", eval.episodes, "of each model")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command->add_option("--seed", eval.seed, "names the list of seeds; no run plays any of them")
      ->capture_default_str();
  command->add_option("--epsilon", eval.epsilon, "share of random actions")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--max-steps", eval.max_steps, "cut episodes; default: as the run does")
      ->check(CLI::Range(1, 100000000));
  command
      ->add_option("--weights", eval.weights, "last | average: of a teacher whose run is not over")
      ->capture_default_str()
      ->check(CLI::IsMember({"last", "average"}));
  command->add_option("--threads", eval.threads, "default: one a core")->check(CLI::Range(1, 1024));
  command
      ->add_option("--disagreements", eval.disagreements,
                   "where each MODEL chooses otherwise than the first: a table by action, and so "
                   "many of the states in which most is lost")
      ->check(CLI::Range(1, 1000));
  command
      ->add_option("--tree", eval.tree,
                   "distil the first MODEL into a decision tree of so many levels and print it")
      ->check(CLI::Range(1, 12));
  command->add_flag("--json", eval.json, "one JSON object");
  return command;
}

CLI::App* AddExport(CLI::App& app, stillhouse::cli::ExportOptions& options) {
  auto* command = app.add_subcommand("export", "write a model in formats that run without us");
  command->footer(
      "Into RUN_DIR/exports/NAME: the artefacts, a card (card.md, card.json) and the observations "
      "on which each artefact was run again. docs/export.md says how to use them.");
  command->add_option("RUN_DIR", options.run, "a run, or RUN_DIR/checkpoints/<updates>")
      ->required();
  command->add_option("--model", options.model, "its name: teacher, or a student's")->required();
  command->add_option("--format", options.formats, "onnx, c, native; several with commas")
      ->delimiter(',')
      ->capture_default_str();
  command->add_flag("--int8", options.int8, "each format with weights of 8 bits, too");
  command->add_option("--out", options.out, "a folder instead of RUN_DIR/exports/NAME");
  command
      ->add_option("--weights", options.weights,
                   "last | average: of a teacher whose run is not over")
      ->capture_default_str()
      ->check(CLI::IsMember({"last", "average"}));
  command->add_option("--observations", options.observations, "on which each artefact is run again")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command->add_option("--episodes", options.episodes, "that measure what int8 costs")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command->add_option("--seed", options.seed, "names the seeds of both")->capture_default_str();
  command->add_option("--compiler", options.compiler, "that the C source is tried with")
      ->capture_default_str();
  command->add_option("--onnx-runner", options.onnx_runner,
                      "a program that runs another ONNX runtime: PROGRAM MODEL OBSERVATIONS Q "
                      "SHAPE; scripts/onnx_runner.sh is one");
  options.version = STILLHOUSE_VERSION;
  return command;
}

void AddTrainOptions(CLI::App& command, stillhouse::cli::TrainOptions& train) {
  command.add_option("CONFIG", train.config_path, "configuration file (YAML)")->required();
  command.add_option("--set", train.overrides, "key.path=value, may be repeated");
  command.add_option("--run-dir", train.run_dir, "instead of <run.dir>/<run.name>");
  command
      .add_option("--resume", train.resume,
                  "auto: go on from the run's newest whole checkpoint, if there is one; never: "
                  "start afresh; or the directory of a run or of one of its checkpoints")
      ->capture_default_str();
  command.add_option("--role", train.role,
                     "what this rank plays: learner, student, shard, actor, or several with "
                     "commas; for jobs of several programs");
  command.add_flag("--quiet", train.quiet, "warnings and the scoreboard only");
  command.add_flag("--verbose", train.verbose, "debug lines too");
}

/// What `distill` adds to the configuration.
struct DistillOptions {
  std::string teacher;
  std::string replay;
};

CLI::App* AddDistill(CLI::App& app, stillhouse::cli::TrainOptions& train, DistillOptions& distill) {
  auto* command = app.add_subcommand(
      "distill",
      "students of a teacher that has learnt already, from stored experience or its own");
  command->footer(
      "The same as train with teacher.algorithm.kind: frozen. Without a stored replay actors fill "
      "the store with the teacher's play, or with the examples of a data set. Students stop at "
      "stop.updates of each, stop.time or stop.plateau.");
  AddTrainOptions(*command, train);
  command->add_option("--teacher", distill.teacher,
                      "teacher.init: RUN_DIR:MODEL, RUN_DIR or a file");
  command->add_option("--replay", distill.replay, "replay.from: a run's directory");
  return command;
}

/// In front of what the user set, which wins.
void ApplyDistill(const DistillOptions& distill, stillhouse::cli::TrainOptions& train) {
  std::vector<std::string> overrides = {"teacher.algorithm={kind: frozen}"};
  if (!distill.teacher.empty()) overrides.push_back("teacher.init=" + distill.teacher);
  if (!distill.replay.empty()) overrides.push_back("replay.from=" + distill.replay);
  train.overrides.insert(train.overrides.begin(), overrides.begin(), overrides.end());
}

}  // namespace

int main(int argc, char** argv) {
  using namespace stillhouse;
  KeepFreedMemory();
  CLI::App app{"Stillhouse: train a large policy and distil small ones from it in one run"};
  app.set_version_flag("--version", STILLHOUSE_VERSION);
  app.require_subcommand(1);

  cli::TrainOptions train;
  auto* train_command = app.add_subcommand("train", "the main job; under mpirun -n N, or alone");
  AddTrainOptions(*train_command, train);
  DistillOptions distill;
  auto* distill_command = AddDistill(app, train, distill);

  cli::PlanOptions plan;
  auto* plan_command = app.add_subcommand("plan", "validate and show who plays what");
  plan_command->add_option("CONFIG", plan.config_path, "configuration file (YAML)")->required();
  plan_command->add_option("-n", plan.ranks, "number of ranks")->required();
  plan_command->add_option("--hosts", plan.hosts, "mpirun hostfile: who plays on which host");
  plan_command->add_option("--set", plan.overrides, "key.path=value, may be repeated");

  cli::ActorCommandOptions actor;
  auto* actor_command = app.add_subcommand("actor", "join a running job with more workers");
  actor_command->footer(
      "The token is read from the run directory, from --token-file, or from the environment "
      "variable STILLHOUSE_TOKEN. Leaves on SIGTERM or SIGINT.");
  actor_command->add_option("--connect", actor.connect, "RUN_DIR, or HOST:PORT[,HOST:PORT...]")
      ->required();
  actor_command->add_option("--workers", actor.workers, "worker processes to start")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  actor_command->add_option("--envs", actor.envs, "environments of each; default: as the job says")
      ->check(CLI::Range(1, 100000));
  actor_command->add_option("--token-file", actor.token_file, "a file with the job's token");

  std::string list_kind;
  bool list_json = false;
  auto* list_command = app.add_subcommand("list", "what is built in");
  list_command->add_option("KIND", list_kind, "envs | networks | losses | algorithms")->required();
  list_command->add_flag("--json", list_json, "as JSON");

  cli::ReplayOptions replay;
  auto* replay_command = app.add_subcommand("replay", "look at a run's stored experience");
  replay_command->add_option("ACTION", replay.action, "info | verify | dump")
      ->required()
      ->check(CLI::IsMember({"info", "verify", "dump"}));
  replay_command
      ->add_option("DIR", replay.directory, "a run's directory, its replay folder, or one shard's")
      ->required();
  replay_command->add_flag("--json", replay.json, "info as JSON");
  replay_command->add_flag("--packed", replay.packed,
                           "dump: observations as hexadecimal text of their packed bytes");
  replay_command->add_option("--limit", replay.limit, "dump: so many transitions; 0: all")
      ->capture_default_str();

  cli::EvalOptions eval;
  auto* eval_command = AddEval(app, eval);
  cli::ExportOptions exported;
  auto* export_command = AddExport(app, exported);

  for (const char* name : kNotBuiltYet) {
    app.add_subcommand(name, "not supported yet")->allow_extras();
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error) == 0 ? 0 : kBadInput;
    cli::TellStatus(code);
    return code;
  }
  train.token_was_argument = HideTokenArguments({argv, static_cast<std::size_t>(argc)});
  const auto told = [](int status) {
    cli::TellStatus(status);
    return status;
  };
  try {
    if (*distill_command) ApplyDistill(distill, train);
    if (*train_command || *distill_command) return told(cli::RunTrain(train, argc, argv));
    if (*actor_command) return told(cli::RunActor(actor));
    if (*plan_command) return told(cli::RunPlan(plan, std::cout));
    if (*replay_command) return told(cli::RunReplay(replay, std::cout));
    if (*eval_command) return told(cli::RunEval(eval, std::cout));
    if (*export_command) return told(cli::RunExport(exported, std::cout));
    if (*list_command) return told(cli::RunList(list_kind, list_json, std::cout));
    throw ConfigError(app.get_subcommands().front()->get_name() + ": not supported yet");
  } catch (const ConfigError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return told(kBadInput);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "FATAL %s\n", error.what());
    return told(kFailed);
  }
}
