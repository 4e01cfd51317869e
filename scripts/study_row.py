#!/usr/bin/env python3
"""Rows of docs/results/learning.csv for scripts/study.sh.

has: exit status 0 when the file has a row of this game and seed under the conditions of the
     resolved configuration on standard input (`stillhouse plan`), else 1.
add: appends the row of a finished run, read from its scoreboard.json, config.yaml, status.json.
"""
import argparse
import csv
import fcntl
import json
import os
import subprocess
import sys
import time

MODEL_COLUMNS = ["parameters", "return", "ci95_low", "ci95_high", "retention", "agreement",
                 "regret"]
STUDENTS = ["small", "tiny"]
# Conditions taken from the resolved configuration: column, path. A row counts as done only under
# the same ones, so that a preset that has changed is run again and its older row stays.
CONDITIONS = [
    ("frames_asked", "stop.frames"),
    ("n_step", "replay.n_step"), ("alpha", "replay.alpha"),
    ("samples_per_insert", "replay.samples_per_insert"), ("discount", "replay.discount"),
    ("capacity", "replay.capacity"), ("batch_size", "teacher.batch_size"),
    ("learning_rate", "teacher.optimizer.learning_rate"),
    ("target_update", "teacher.target_update"), ("final", "teacher.final"),
    ("average", "teacher.average"), ("epsilon_to", "actors.exploration.to"),
    ("epsilon_frames", "actors.exploration.frames"),
    ("temperature", "students.small.loss.temperature"), ("max_steps", "evaluation.max_steps"),
]
RESULTS_DO_NOT_DEPEND_ON = ("run.", "monitor.", "actors.workers", "actors.hosts")
COLUMNS = (["game", "seed", "frames_asked", "overrides", "teacher_return", "ci95_low", "ci95_high",
            "return_iqm", "episodes", "random_return", "frames", "updates", "parameters"]
           + [f"{student}_{column}" for student in STUDENTS for column in MODEL_COLUMNS]
           + [column for column, _ in CONDITIONS[1:]]
           + ["ranks", "attempts", "wall_s", "cores", "cpu", "commit", "date"])


def read_rows(path):
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def others(overrides):
    """Overrides of what no column of conditions shows, e.g. of a network."""
    shown = tuple(path for _, path in CONDITIONS) + RESULTS_DO_NOT_DEPEND_ON
    return {text for text in overrides.split("; ") if text and not text.startswith(shown)}


def find(rows, game, seed, overrides, conditions):
    return any(row["game"] == game and row["seed"] == str(seed)
               and others(row["overrides"]) == others(overrides)
               and all(row[column] == value for column, value in conditions.items())
               for row in rows)


def read_conditions(file):
    """Columns of conditions from a resolved configuration: plain block YAML of our own making,
    indented by two; lists stay text."""
    values, stack = {}, []
    for line in file:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        depth = (len(line) - len(line.lstrip(" "))) // 2
        key, _, value = text.partition(":")
        stack = stack[:depth] + [key]
        values[".".join(stack)] = value.strip()
    return {column: values.get(path, "") for column, path in CONDITIONS}


def cpu_model():
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return "unknown"


def commit():
    if os.environ.get("STUDY_COMMIT"):  # binaries of another tree than the one the script is in
        return os.environ["STUDY_COMMIT"]
    try:
        return subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=True,
                              capture_output=True, text=True,
                              cwd=os.path.dirname(os.path.abspath(__file__))).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def number(value):
    return f"{value:.4g}" if abs(value) < 100 else f"{value:.1f}"


def make_row(args):
    def load(name):
        with open(os.path.join(args.run, name)) as file:
            return json.load(file)

    status, board = load("status.json"), load("scoreboard.json")
    if status["status"] != "done" or board["phase"] != "final":
        sys.exit(f"{args.run}: not finished ({status['status']}, {board['phase']})")
    with open(os.path.join(args.run, "config.yaml")) as file:
        conditions = read_conditions(file)
    teacher = board["models"]["teacher"]
    row = dict.fromkeys(COLUMNS, "")
    row.update(game=args.game, seed=args.seed, overrides=args.overrides,
               teacher_return=number(teacher["return_mean"]),
               ci95_low=number(teacher["return_ci95"][0]),
               ci95_high=number(teacher["return_ci95"][1]),
               return_iqm=number(teacher["return_iqm"]), episodes=teacher["episodes"],
               random_return=number(board["random_return"]), frames=board["frames"],
               updates=board["updates"], parameters=teacher["parameters"])
    for student in STUDENTS:
        model = board["models"].get(student)
        if model is None:
            continue
        low, high = model["return_ci95"]
        values = [str(model["parameters"])] + [
            number(value) for value in (model["return_mean"], low, high, model["retention"],
                                        model["agreement"], model["regret"])]
        row.update({f"{student}_{column}": value
                    for column, value in zip(MODEL_COLUMNS, values)})
    row.update(conditions)
    # Since the last start: a run in several attempts took longer, and refilled its store each time.
    row.update(ranks=args.ranks, attempts=status["attempt"], wall_s=args.wall_s,
               cores=os.cpu_count(), cpu=cpu_model(), commit=commit(),
               date=time.strftime("%Y-%m-%d", time.gmtime()))
    return row


def add(args):
    row = make_row(args)
    os.makedirs(os.path.dirname(os.path.abspath(args.results)), exist_ok=True)
    with open(args.results, "a+", newline="") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # studies of two machines or shells may share the file
        conditions = {column: row[column] for column, _ in CONDITIONS}
        if find(read_rows(args.results), args.game, args.seed, args.overrides, conditions):
            return
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        file.seek(0, os.SEEK_END)
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)
    print(f"{args.game}, seed {args.seed}: teacher {row['teacher_return']} after "
          f"{row['frames']} frames, {args.wall_s} s; kept by small {row['small_retention']}, "
          f"by tiny {row['tiny_retention'] or '-'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["has", "add"])
    parser.add_argument("--results", required=True)
    parser.add_argument("--game", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--overrides", default="", help="KEY=VALUE; KEY=VALUE; ...")
    parser.add_argument("--run", help="directory of the finished run")
    parser.add_argument("--ranks", type=int)
    parser.add_argument("--wall-s", type=int)
    args = parser.parse_args()
    if args.command == "has":
        sys.exit(0 if find(read_rows(args.results), args.game, args.seed, args.overrides,
                           read_conditions(sys.stdin)) else 1)
    add(args)


if __name__ == "__main__":
    main()
