#!/usr/bin/env python3
"""Where the time of one actor frame, one TD update and one student update goes.

  scripts/study.sh breakdown [--seconds 15] [--render]

build/bench/breakdown samples running jobs and writes docs/results/breakdown.csv. Then a plot
(docs/results/breakdown.svg) and the table in docs/performance.md. --render: these alone.
"""
import argparse
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(HERE, "methods"))
from document import write_between  # noqa: E402
from rows import read_rows  # noqa: E402

RESULTS = os.path.join(ROOT, "docs", "results", "breakdown.csv")
BEGIN = "<!-- breakdown: this table is written by scripts/study.sh breakdown -->"
END = "<!-- breakdown: end -->"
LEAST = 0.01  # of the whole: what is less is not listed


def table_of(rows):
    """A line for each process's thread: its sum, and its stages from the longest on."""
    text = "| | µs of CPU | of which |\n| --- | --- | --- |\n"
    groups = {}
    for row in rows:
        groups.setdefault((row["of"], row["thread"]), []).append(row)
    for (what, thread), own in groups.items():
        stages = "; ".join(f"{row['stage']} {float(row['us']):.3g}" for row in own
                           if float(row["share"]) >= LEAST)
        total = sum(float(row["us"]) for row in own)
        text += f"| {what}, {thread} | {total:.3g} | {stages} |\n"
    return text


def main():
    parser = argparse.ArgumentParser(prog="study.sh breakdown", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--render", action="store_true")
    args = parser.parse_args()
    program = os.path.join(args.build, "bench", "breakdown")
    if not args.render and not os.path.exists(program):
        sys.exit(f"study.sh breakdown: no {program}; ninja -C {args.build} benches")
    if not args.render:
        subprocess.run([program, "--csv", RESULTS, "--seconds", str(args.seconds)], check=True)
    write_between(os.path.join(ROOT, "docs", "performance.md"), BEGIN, END,
                  table_of(read_rows(RESULTS)))
    subprocess.run([os.path.join(HERE, "plot.py"), "stack", RESULTS, "--bar", "of", "--part",
                    "thread,stage", "--value", "us", "--unit", "µs of CPU"], check=True)


if __name__ == "__main__":
    main()
