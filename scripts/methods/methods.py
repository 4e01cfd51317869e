#!/usr/bin/env python3
"""Runs the presets of configs/methods/ with their controls; see scripts/methods.sh."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import size_curve
from preset import PresetError, conditions_of, figure_at, find_presets
from rows import add_rows, read_rows
from table import write_table

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from study_row import commit  # noqa: E402

COLUMNS = ["preset", "row", "seed", "figure", "control", "also", "measure", "control_measure",
           "heldout", "heldout_first", "heldout_last", "teacher_return", "random_return",
           "teacher_qualified", "student_updates", "frames", "updates", "wall_s", "conditions",
           "commit", "date"]
# Enough that every part has worked, little enough for a minute on a busy machine.
QUICK = ["stop={frames: 3000, distill_tail: 0.1}", "replay.min_size=500",
         "monitor.log_every=200ms", "evaluation.episodes=4", "evaluation.final_episodes=10",
         "evaluation.every=100s", "evaluation.max_steps=200", "checkpoint.every=off"]
QUICK_LIMIT_S = 180


class RunFailed(Exception):
    """A run that has not come to its end; says why."""


def read_board(directory):
    """scoreboard.json; the last line of progress.jsonl stands under `progress`."""
    with open(os.path.join(directory, "scoreboard.json")) as file:
        board = json.load(file)
    lines = read_lines(directory, "progress.jsonl")
    board["progress"] = lines[-1] if lines else {}
    return board


def read_lines(directory, name):
    path = os.path.join(directory, name)
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [json.loads(line) for line in file if line.strip()]


def launch(args, preset, directory, settings, limit_s=None):
    """One run in one process; its own processes are the actors. Raises RunFailed."""
    # A quick run is one process in any case: it starts at once.
    starter = [os.path.join(args.build, "stillhouse")]
    if preset.ranks and not args.quick:
        starter = [os.path.join(args.root, "scripts", "launch.sh"), "-n", str(preset.ranks)]
    command = starter + [preset.command, preset.path, "--quiet", "--run-dir", directory]
    for setting in settings:
        command += ["--set", setting]
    if not args.quick:
        command += ["--resume", "auto"]
    log = directory.rstrip("/") + ".log"
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    with open(log, "w") as file:
        try:
            status = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False,
                                    timeout=limit_s).returncode
        except subprocess.TimeoutExpired:
            raise RunFailed(f"not done after {limit_s} s; log: {log}") from None
    if status == 75:
        sys.exit(75)
    if status != 0:
        with open(log) as file:
            words = " | ".join(line.strip() for line in file.readlines()[-3:])
        raise RunFailed(f"exit status {status}: {words}; log: {log}")


def frozen_students(directory):
    """Those that only label, as config.yaml of the run says."""
    path = os.path.join(directory, "config.yaml")
    names, name = set(), None
    with open(path) as file:
        for line in file:
            match = re.match(r"  (\S+):$", line)
            name = match.group(1) if match else name
            if line.rstrip() == "    frozen: true":
                names.add(name)
    return names


def moved(directory):
    """Why no student has moved; empty: all of them have. Without students: the teacher."""
    lines = read_lines(directory, "progress.jsonl")
    if not lines:
        return "no progress line"
    last = lines[-1]
    if not last["students"]:
        return "" if last["updates"] > 0 else "the teacher has made no update"
    frozen = frozen_students(directory)
    for name, student in last["students"].items():
        if name in frozen:
            continue
        seen = [line["students"][name] for line in lines
                if line["students"].get(name, {}).get("updates", 0) > 0]
        if not seen:
            return f"{name} has made no update"
        # All its updates may lie between two lines.
        reports = {s["updates"]: (s["loss"], s["agreement"]) for s in seen}
        if len(reports) > 1 and len(set(reports.values())) < 2:
            return f"neither loss nor agreement of {name} has changed"
        if student["loss"] == 0 and student["agreement"] in (0, 1):
            return f"{name} has nothing to learn: loss 0"
    return ""


def quick(args, presets):
    """Every preset once, for seconds. The number of those that failed."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for preset in presets:
        scratch = tempfile.mkdtemp(prefix="stillhouse-methods-")
        started = time.time()
        try:
            settings = list(QUICK) + preset.of_seed(1)
            for number, before in enumerate(preset.after):
                source = find_presets(args.root, [before.preset])[0]
                directory = os.path.join(scratch, f"before{number}")
                launch(args, source, directory, QUICK + before.settings + source.quick_set,
                       QUICK_LIMIT_S)
                settings += before.keys_set(directory)
            arms = [[]] + ([preset.control_set] if preset.control_set else [])
            for number, arm in enumerate(arms):
                directory = os.path.join(scratch, f"arm{number}")
                launch(args, preset, directory, settings + arm + preset.quick_set, QUICK_LIMIT_S)
                why = moved(directory)
                if why:
                    raise RunFailed(why)
                board = read_board(directory)
                preset.complete(board)
                for path in preset.also if number == 0 else []:
                    figure_at(board, path)
                figure_at(board, preset.measure if number == 0 else preset.control)
                if len(arms) == 1:
                    figure_at(board, preset.control)
                if number == 0 and preset.heldout != "none":
                    figure_at(board, preset.heldout)
            print(f"{preset.row:4} {preset.name}: ran ({time.time() - started:.0f} s)", flush=True)
            counts["passed"] += 1
            shutil.rmtree(scratch, ignore_errors=True)
        except (RunFailed, PresetError) as error:
            print(f"{preset.row:4} {preset.name}: FAILED: {error}", flush=True)
            counts["failed"] += 1
    print(f"{counts['passed']} ran, {counts['failed']} failed")
    if args.json:
        with open(args.json, "w") as file:
            json.dump(counts, file)
    return counts["failed"]


def heldout(preset, directory):
    """The held-out loss at the first and at the last evaluation."""
    if preset.heldout == "none":
        return "", ""
    values = [figure_at(board, preset.heldout)
              for board in read_lines(directory, "scoreboard.jsonl")]
    return (f"{values[0]:.4g}", f"{values[-1]:.4g}") if len(values) > 1 else ("", "")


def directory_of(args, preset, seed, conditions):
    return os.path.join(args.root, "runs", "methods", f"{preset.name}-s{seed}-{conditions}")


def add_to_curve(args, preset, seed, conditions):
    """What the run has left; nothing where it has been deleted since."""
    directory = directory_of(args, preset, seed, conditions)
    if os.path.exists(os.path.join(directory, "scoreboard.json")):
        size_curve.add(args.root, preset, seed, conditions, read_board(directory))


def run_seed(args, preset, seed, conditions):
    started = time.time()
    base = directory_of(args, preset, seed, conditions)
    settings = [f"run.seed={seed}"] + preset.of_seed(seed)
    own = list(settings)
    for before in preset.after:
        source = find_presets(args.root, [before.preset])[0]
        directory = directory_of(args, source, seed,
                                 conditions_of(source, args.root, before.settings))
        launch(args, source, directory, own + before.settings)
        settings += before.keys_set(directory)
    launch(args, preset, base, settings)
    board = read_board(base)
    preset.complete(board)
    control_board = board
    if preset.control_set:
        launch(args, preset, base + "-control", settings + preset.control_set)
        control_board = read_board(base + "-control")
    first, last = heldout(preset, base)
    lines = read_lines(base, "progress.jsonl")
    student = preset.measured_model()
    students = lines[-1]["students"] if lines else {}
    row = {"preset": preset.name, "row": preset.row, "seed": seed,
           "figure": f"{figure_at(board, preset.measure):.6g}",
           "control": f"{figure_at(control_board, preset.control):.6g}",
           "also": "; ".join(f"{path}={figure_at(board, path):.6g}" for path in preset.also),
           "measure": preset.measure,
           "control_measure": preset.control + (f" ({'; '.join(preset.control_set)})"
                                                if preset.control_set else ""),
           "heldout": preset.heldout, "heldout_first": first, "heldout_last": last,
           "teacher_return": f"{board['models']['teacher']['return_mean']:.6g}",
           "random_return": f"{board['random_return']:.6g}",
           "teacher_qualified": board["models"]["teacher"]["teacher_qualified"],
           "student_updates": students.get(student, {}).get("updates", ""),
           "frames": board["frames"], "updates": board["updates"],
           "wall_s": round(time.time() - started), "conditions": conditions,
           "commit": commit(), "date": time.strftime("%Y-%m-%d", time.gmtime())}
    add_rows(args.results or os.path.join(args.root, "docs/results/methods.csv"), COLUMNS, [row])
    print(f"{preset.row:4} {preset.name}, seed {seed}: {row['figure']}, control {row['control']} "
          f"({row['wall_s']} s)", flush=True)
    for directory in (base, base + "-control"):
        shutil.rmtree(os.path.join(directory, "replay"), ignore_errors=True)


def full(args, presets):
    results = args.results or os.path.join(args.root, "docs/results/methods.csv")
    failed = 0
    for preset in presets:
        conditions = conditions_of(preset, args.root)
        for seed in range(1, (args.seeds or preset.seeds) + 1):
            done = any(row["preset"] == preset.name and row["seed"] == str(seed)
                       and row["conditions"] == conditions for row in read_rows(results))
            try:
                if not done:
                    run_seed(args, preset, seed, conditions)
                if preset.curve and not args.results:
                    add_to_curve(args, preset, seed, conditions)
            except (RunFailed, PresetError) as error:
                print(f"{preset.row:4} {preset.name}, seed {seed}: FAILED: {error}", flush=True)
                failed += 1
        if not args.results:
            everything = find_presets(args.root, [])
            write_table(args.root, everything, read_rows(results))
            size_curve.write_table(args.root, {p.name: conditions_of(p, args.root)
                                               for p in everything if p.curve})
    return failed


def main():
    parser = argparse.ArgumentParser(prog="methods.sh", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, help="instead of what each preset says")
    parser.add_argument("--json", help="with --quick: counts for .ci/run")
    parser.add_argument("--root", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--results", help=argparse.SUPPRESS)
    args = parser.parse_args()
    try:
        presets = find_presets(args.root, args.rows)
        failed = quick(args, presets) if args.quick else full(args, presets)
    except PresetError as error:
        print(f"methods.sh: {error}", file=sys.stderr)
        sys.exit(2)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
