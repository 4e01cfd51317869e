#!/usr/bin/env python3
"""Runs benchmark programs, merges their JSON lines into a results file and prints a table.

A program prints one JSON object a line: name, value, unit, higher_is_better, conditions. Lines of
another kind go to the terminal. A figure that was measured now replaces the older one of its name.
"""
import argparse
import json
import os
import re
import subprocess
import sys

# Figures with a target: pattern of the whole name, comparison, value (design figures of the
# project). The environments' are 20 times the Python MinAtar on a quiet core.
TARGETS = [
    (r"env\.minatar/breakout\.steps_per_s", ">=", 20 * 451e3),
    (r"env\.minatar/asterix\.steps_per_s", ">=", 20 * 328e3),
    (r"env\.minatar/seaquest\.steps_per_s", ">=", 20 * 259e3),
    (r"env\.minatar/freeway\.steps_per_s", ">=", 20 * 154e3),
    (r"env\.minatar/space_invaders\.steps_per_s", ">=", 20 * 40e3),
    (r"inference\.native_vs_torch\.b1", ">=", 3),
    (r"inference\.native_vs_torch\.b64", ">=", 1.5),
    (r"actor\.efficiency", ">=", 0.85),
    (r"footprint\.worker_rss_mib", "<=", 30),
    (r"footprint\.worker_start_ms", "<=", 100),
    (r"replay\.insert_per_s", ">=", 500e3),
    (r"replay\.checkpoint_p99_ratio", "<=", 2),
    (r"replay\.insert_fraction", ">=", 0.8),
    (r"replay\.restore_vs_read", "<=", 1.5),
    (r"replay\.restore_s_per_million", "<=", 2),
    (r"replay\.sum_tree_cycles_per_s", ">=", 150e3),
    (r"replay\.sum_tree_vs_binary", ">=", 4),
    (r"replay\.sum_tree_drift", "<=", 1e-9),
    (r"replay\.sample_vs_gather", ">=", 0.7),
    (r"replay\.transport_fraction(\.breakout)?", ">=", 0.7),
    (r"replay\.global_sampling", ">=", 0.001),
    (r"replay\.global_sampling\.worst_decile", "<=", 0.5),
    (r"replay\.connections_500_fraction", ">=", 0.9),
    (r"replay\.bytes_per_transition\..*breakout(\.10M)?", "<=", 92),
    (r"learner\.efficiency", ">=", 0.95),
    (r"learner\.update_vs_eager\.b32", ">=", 2),
    (r"learner\.update_vs_eager\.b128", ">=", 1.15),
    (r"student\.update_vs_eager\.b32", ">=", 2),
    (r"student\.update_vs_eager\.hosted8", ">=", 4),
    (r"distill\.many_vs_eager\.s8", ">=", 2.3),
    (r"distill\.label_once_vs_relabel", ">=", 1.8),
    (r"distill\.student_overhead", "<=", 1.10),
    (r"distill\.publish_cost", "<=", 0.02),
    (r"distill\.tail_fraction", "<=", 0.10),
    (r"weights\.lag_p99_versions", "<=", 2),
    (r"idle\.cpu_percent", "<=", 5),
    (r"start\.to_first_update_s", "<=", 5),
    (r"resume\.seconds", "<=", 10),
    (r"e2e\.spi8", ">=", 2.5 * 1342),
    (r"e2e\.both_rates", ">=", 2),
    (r"e2e\.workers", ">=", 0.9),
]
# Figures that another program than their family's name says measures, by beginning of the name.
ELSEWHERE = {
    "learner.efficiency": "cluster", "e2e.": "cluster", "weights.": "cluster", "idle.": "cluster",
    "start.": "cluster", "resume.": "cluster", "distill.student_overhead": "cluster", "distill.publish_cost": "cluster",
    "distill.tail_fraction": "cluster", "replay.transport_fraction": "cluster",
    "learner.resident": "resident", "student.resident": "resident",
    "distill.label_once": "resident", "replay.insert_per_s": "actor", "footprint.": "actor",
    "replay.insert_vs_memory": "actor", "replay.insert_fraction": "log",
    "replay.checkpoint": "log", "replay.restore": "log",
    "replay.connections_500": "connections",
}
FIELDS = ("name", "value", "unit", "higher_is_better", "conditions")


def programs(folder):
    """Program name without _bench -> path."""
    found = {}
    for entry in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        path = os.path.join(folder, entry)
        if entry.endswith("_bench") and os.access(path, os.X_OK):
            found[entry[:-len("_bench")]] = path
    return found


def run(path, options, only):
    """The figures that a program prints, and whether it ended well."""
    figures = []
    quick = options.quick
    command = [path] + (["--quick"] if quick else []) + (["--only", ",".join(only)] if only else [])
    if options.long and os.path.basename(path) == "cluster_bench":
        command.append("--long")  # the one with figures of whole runs
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            figure = parse(line)
            if figure is None:
                print(line, end="", flush=True)
            else:
                if quick:
                    figure["conditions"] += ", --quick"
                figures.append(figure)
                print(f"  {figure['name']}: {figure['value']:.6g} {figure['unit']}", flush=True)
    return figures, process.returncode


def parse(line):
    try:
        figure = json.loads(line)
    except json.JSONDecodeError:
        return None
    if not isinstance(figure, dict) or any(field not in figure for field in FIELDS):
        return None
    return figure


def verdict(figure):
    """The target as text, and how the figure stands to it; empty without a target."""
    value = figure["value"]
    for pattern, sign, target in TARGETS:
        if re.fullmatch(pattern, figure["name"]):
            met = value >= target if sign == ">=" else value <= target
            far = value < target / 2 if sign == ">=" else value > 2 * target
            return (f"{sign} {target:g}",
                    "met" if met else "MISSED by more than half" if far else "MISSED")
    return "", ""


def print_table(figures):
    width = max((len(figure["name"]) for figure in figures), default=0)
    for figure in figures:
        target, met = verdict(figure)
        print(f"{figure['name']:<{width}}  {figure['value']:>12.6g} {figure['unit']:<14} "
              f"{target:<12} {met}".rstrip())


def read_figures(path):
    with open(path, encoding="utf-8") as file:
        return {figure["name"]: figure for figure in json.load(file)}


# What a ratio may lose against an earlier run before it counts as a regression.
TOLERANCE = 0.10


def regressions(measured, before):
    """Lines on the ratios among `measured` that are worse than `before` by more than TOLERANCE.
    Other figures depend on the machine; a ratio's two sides were measured beside each other."""
    lines = []
    for figure in measured:
        old = before.get(figure["name"])
        if old is None or figure["unit"] not in ("ratio", "x") or old["value"] <= 0:
            continue
        change = figure["value"] / old["value"]
        worse = 1 - change if figure["higher_is_better"] else change - 1
        if worse > TOLERANCE:
            lines.append(f"{figure['name']}: {old['value']:.4g} -> {figure['value']:.4g} "
                         f"({worse:.0%} worse)")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--results", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--compare", metavar="FILE")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    try:  # before minutes of measuring, and before FILE, which may be --results, is written
        before = read_figures(options.compare) if options.compare else {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"bench_merge.py: {options.compare}: {error}", file=sys.stderr)
        return 2

    found = programs(options.programs)
    def asked_for(program, name):
        elsewhere = [p for beginning, p in ELSEWHERE.items() if name.startswith(beginning)]
        if elsewhere:
            return program in elsewhere
        stem = name.split(".")[0]
        return program == stem or program.startswith(stem + "_")

    wanted = {program: path for program, path in found.items()
              if not options.names or any(asked_for(program, n) for n in options.names)}
    # A figure's family need not be its program's name (footprint.* comes from actor_bench): then
    # everything runs and what was asked for is kept.
    exact = [n for n in options.names if not any(p == n or p.startswith(n + "_") for p in found)]
    if any(not any(asked_for(p, n) for p in found) for n in exact):
        wanted = found
    measured, failed = [], []
    for name, path in wanted.items():
        print(f"{name}_bench", flush=True)
        # Whole jobs take minutes: that program measures only what was asked for.
        only = exact if name == "cluster" and name not in options.names else []
        figures, status = run(path, options, only)
        keep = [f for f in figures
                if not options.names or any(f["name"].startswith(n) for n in exact)
                or any(n not in exact and asked_for(name, n) for n in options.names)]
        measured += keep
        if status != 0:
            failed.append(f"{name}_bench ended with {status}")
    merged = {}
    if os.path.exists(options.results):
        merged = read_figures(options.results)
    merged.update({figure["name"]: figure for figure in measured})
    if measured:
        temporary = options.results + ".tmp"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(sorted(merged.values(), key=lambda f: f["name"]), file, indent=1)
            file.write("\n")
        os.replace(temporary, options.results)
    print()
    print_table(sorted(measured, key=lambda f: f["name"]))
    worse = regressions(measured, before)
    if options.compare:
        print(f"\n{len(worse)} of the ratios are worse than in {options.compare} by more than "
              f"{TOLERANCE:.0%}")
    for line in failed + worse:
        print(line, file=sys.stderr)
    if not measured:
        print("bench_merge.py: nothing was measured", file=sys.stderr)
    return 1 if failed or worse or not measured else 0


if __name__ == "__main__":
    sys.exit(main())
