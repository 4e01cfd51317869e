#!/usr/bin/env python3
"""Sweeps of one number on a small task, for scripts/study.sh; one CSV row a value and seed, then a
table in docs/studies.md and a plot in docs/results/.

tau              the temperature of the KL, both ways of tempering
alpha            the share of hard labels in the loss
width            the student's width: what is the smallest one that keeps the teacher's return?
capacity         of the replay store
teacher_quality  how long the teacher has learnt
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import zlib

from study_row import commit

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(HERE, "methods"))
from document import write_between  # noqa: E402
from rows import add_rows, read_rows  # noqa: E402
from seeds import interval_of_mean, mean  # noqa: E402

BASE = os.path.join(ROOT, "configs", "methods", "common", "cart_pole.yaml")
NARROW = "{layers: [{linear: 16}, relu, q_head]}"
KL = "{kind: kl, temper: teacher, temperature: 0.01}"
WIDTHS = [1, 2, 4, 8, 16, 32, 64, 128]
ENOUGH = 0.95  # of the teacher's return: what a recommended student keeps

COLUMNS = ["x", "by", "seed", "return_mean", "retention", "agreement", "gap_agreement", "regret",
           "kl", "parameters", "teacher_return", "random_return", "frames", "updates",
           "conditions", "commit", "date"]


def linear(width):
    return f"{{layers: [{{linear: {width}}}, relu, q_head]}}"


def students(losses_or_networks):
    """One student for each (name, network, loss)."""
    body = ", ".join(f"{name}: {{network: {network}, loss: {loss}}}"
                     for name, network, loss in losses_or_networks)
    return f"students={{{body}}}"


class Study:
    """jobs: what is run for one seed: (settings, [(x, by, model)]): one run may hold several x."""

    def __init__(self, jobs, x, y, log, title, by=""):
        self.jobs, self.x, self.y, self.log, self.title, self.by = jobs, x, y, log, title, by


def tau_study():
    points, who = [], []
    for temper in ("teacher", "both"):
        for power in range(-3, 4):
            tau = 10.0 ** power
            name = f"{temper}{power + 3}"
            who.append((name, NARROW,
                        f"{{kind: kl, temper: {temper}, temperature: {tau:g}}}"))
            points.append((tau, temper, name))
    return Study([([students(who)], points)], "temperature", "agreement", True,
                 "agreement with the teacher against the temperature of the KL", "temper")


def alpha_study():
    points, who = [], []
    for tenths in (0, 1, 3, 5, 7, 9, 10):
        name = f"a{tenths}"
        loss = (f"{{kind: kl, temper: both, temperature: 1, hard_weight: {tenths / 10:g}, "
                f"soft_weight: {1 - tenths / 10:g}}}")
        who.append((name, NARROW, loss))
        points.append((tenths / 10, "", name))
    return Study([([students(who)], points)], "share of hard labels", "agreement", False,
                 "agreement with the teacher against the share of hard labels")


def width_study():
    who = [(f"w{width}", linear(width), KL) for width in WIDTHS]
    points = [(width, "", f"w{width}") for width in WIDTHS]
    return Study([([students(who)], points)], "width", "retention", True,
                 "what students of one hidden layer keep of the teacher's return")


def capacity_study():
    jobs = [([f"replay.capacity={capacity}"], [(capacity, "", "teacher")])
            for capacity in (1500, 3000, 6000, 12500, 25000, 50000)]
    return Study(jobs, "capacity (transitions)", "return_mean", True,
                 "the teacher's return after 60 000 frames against the store's capacity")


def teacher_quality_study():
    jobs = []
    for frames in (6000, 10000, 20000, 40000, 60000):
        # About as many updates for every student: the shorter the run, the longer its tail.
        tail = round(66000 / frames - 1, 3)
        jobs.append(([f"stop={{frames: {frames}, distill_tail: {tail}}}",
                      students([("small", NARROW, KL)])], [(frames, "", "small")]))
    return Study(jobs, "frames of the teacher", "return_mean", True,
                 "a student's return against how long its teacher has learnt")


STUDIES = {"tau": tau_study, "alpha": alpha_study, "width": width_study,
           "capacity": capacity_study, "teacher_quality": teacher_quality_study}


def results_path(name):
    return os.path.join(ROOT, "docs", "results", f"study_{name}.csv")


def conditions_of(settings):
    with open(BASE) as file:
        lines = [line.split("#")[0].rstrip() for line in file]
    text = "\n".join([line for line in lines if line] + settings)
    return f"{zlib.crc32(text.encode()):08x}"


def run(build, name, settings, seed, conditions):
    directory = os.path.join(ROOT, "runs", "study", f"{name}-s{seed}-{conditions}")
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    command = [os.path.join(build, "stillhouse"), "train", BASE, "--quiet", "--run-dir", directory,
               "--resume", "auto", "--set", f"run.seed={seed}"]
    for setting in settings:
        command += ["--set", setting]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr.strip()[-2000:], file=sys.stderr)
        sys.exit(done.returncode)
    with open(os.path.join(directory, "scoreboard.json")) as file:
        board = json.load(file)
    shutil.rmtree(os.path.join(directory, "replay"), ignore_errors=True)
    return board


def row_of(board, x, by, model, seed, conditions):
    score = board["models"][model]
    return {"x": f"{x:g}", "by": by, "seed": seed,
            **{key: f"{score[key]:.6g}"
               for key in ("return_mean", "retention", "agreement", "regret", "kl")},
            "gap_agreement": f"{score['fidelity']['teacher_states']['gap_agreement']:.6g}",
            "parameters": score["parameters"],
            "teacher_return": f"{board['models']['teacher']['return_mean']:.6g}",
            "random_return": f"{board['random_return']:.6g}", "frames": board["frames"],
            "updates": board["updates"], "conditions": conditions, "commit": commit(),
            "date": time.strftime("%Y-%m-%d", time.gmtime())}


def measure(build, name, study, seeds):
    for seed in range(1, seeds + 1):
        for settings, points in study.jobs:
            conditions = conditions_of(settings)
            have = {(row["x"], row["by"]) for row in read_rows(results_path(name))
                    if row["seed"] == str(seed) and row["conditions"] == conditions}
            if all((f"{x:g}", by) in have for x, by, _ in points):
                continue
            started = time.time()
            board = run(build, name, settings, seed, conditions)
            add_rows(results_path(name), COLUMNS,
                     [row_of(board, x, by, model, seed, conditions) for x, by, model in points])
            print(f"{name}, seed {seed}, {len(points)} values: {time.time() - started:.0f} s",
                  flush=True)


def groups_of(name, study):
    """(by, x) -> rows of the study as it stands now."""
    current = {conditions_of(settings) for settings, _ in study.jobs}
    groups = {}
    for row in read_rows(results_path(name)):
        if row["conditions"] in current:
            groups.setdefault((row["by"], float(row["x"])), []).append(row)
    return groups


def table_of(study, groups):
    by_head, by_rule = (f" {study.by} |", " --- |") if study.by else ("", "")
    text = (f"| {study.x} |{by_head} {study.y.replace('_', ' ')} [95 %] | return | agreement | "
            f"regret | seeds |\n| --- |{by_rule} --- | --- | --- | --- | --- |\n")
    for (by, x), rows in sorted(groups.items()):
        values = [float(row[study.y]) for row in rows]
        low, high = interval_of_mean(values)
        def of(key, of_rows=rows):
            return f"{mean([float(row[key]) for row in of_rows]):.4g}"
        by_cell = f" {by} |" if study.by else ""
        text += (f"| {x:g} |{by_cell} {mean(values):.4g} [{low:.4g}, {high:.4g}] | "
                 f"{of('return_mean')} | {of('agreement')} | {of('regret')} | {len(rows)} |\n")
    return text


def recommended(groups):
    """The smallest student that keeps ENOUGH on the mean of its seeds, in words."""
    for (_, width), rows in sorted(groups.items()):
        kept = mean([float(row["retention"]) for row in rows])
        if kept >= ENOUGH:
            return (f"Recommended student: width {width:g}, {rows[0]['parameters']} parameters, the "
                    f"smallest that keeps {ENOUGH:.0%} of the teacher's return ({kept:.1%}).")
    return f"No student of these widths keeps {ENOUGH:.0%} of the teacher's return."


def report(name, study):
    groups = groups_of(name, study)
    table = table_of(study, groups)
    text = f"{study.title[0].upper()}{study.title[1:]}.\n\n{table}"
    if name == "width":
        text += "\n" + recommended(groups) + "\n"
    text += f"\n![{study.title}](results/study_{name}.svg)\n"
    print(text)
    write_between(os.path.join(ROOT, "docs", "studies.md"), f"<!-- study {name} -->",
                  f"<!-- end of study {name} -->", text)
    plot = [os.path.join(HERE, "plot.py"), "sweep", results_path(name), "--x", "x", "--y", study.y,
            "--title", study.title, "--x-label", study.x] + (["--log"] if study.log else [])
    subprocess.run(plot + (["--by", "by"] if study.by else []), check=True)


def main():
    parser = argparse.ArgumentParser(prog="study.sh", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=sorted(STUDIES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    study = STUDIES[args.study]()
    measure(args.build, args.study, study, args.seeds)
    report(args.study, study)


if __name__ == "__main__":
    main()
