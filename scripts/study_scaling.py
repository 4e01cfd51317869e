#!/usr/bin/env python3
"""How a job's costs grow, on this machine: with the batch, with students, shards, workers and
connections, each with the machine's own ceiling beside it.

  scripts/study.sh scaling [--repeats 3] [--seconds 5] [--render] [DIMENSION...]

build/bench/scaling measures and adds to docs/results/scaling.csv; what is there is not measured
again. Then a plot for each dimension (docs/results/scaling_*.svg) and the table in docs/scaling.md.
--render: these alone.
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

RESULTS = os.path.join(ROOT, "docs", "results", "scaling.csv")
DOCUMENT = os.path.join(ROOT, "docs", "scaling.md")
BEGIN = "<!-- scaling: this table is written by scripts/study.sh scaling -->"
END = "<!-- scaling: end -->"
WORDS = {"batch": "rows of a batch", "students": "students on one host", "shards": "shards",
         "workers": "workers", "connections": "connections of one shard"}


def median(values):
    return sorted(values)[len(values) // 2]


def groups_of(rows):
    """{dimension: {x: {line: [value]}}}, in the order of WORDS and of x."""
    groups = {dimension: {} for dimension in WORDS}
    for row in sorted(rows, key=lambda row: int(row["x"])):
        lines = groups[row["dimension"]].setdefault(int(row["x"]), {})
        lines.setdefault(row["line"], []).append(float(row["value"]))
    return {dimension: xs for dimension, xs in groups.items() if xs}


def cell(values):
    spread = f" ({min(values):.4g} to {max(values):.4g})" if len(values) > 1 else ""
    return f"{median(values):.4g}{spread}"


def table_of(rows):
    """Medians over the repeats, with their range, and what of the ceiling is reached."""
    text = "| | measured | ceiling | share |\n| --- | --- | --- | --- |\n"
    units = {row["dimension"]: row["unit"] for row in rows}
    for dimension, xs in groups_of(rows).items():
        for x, lines in xs.items():
            measured = {line: values for line, values in lines.items() if line != "ceiling"}
            words = "; ".join(cell(values) + (f" {line}" if len(measured) > 1 else "")
                              for line, values in measured.items())
            ceiling = lines.get("ceiling")
            share = (f"{median(next(iter(measured.values()))) / median(ceiling):.2f}"
                     if ceiling else "")
            text += (f"| {x} {WORDS[dimension]} | {words} {units[dimension]} | "
                     f"{cell(ceiling) if ceiling else ''} | {share} |\n")
    return text


def render(rows):
    write_between(DOCUMENT, BEGIN, END, table_of(rows))
    for dimension in groups_of(rows):
        unit = next(row["unit"] for row in rows if row["dimension"] == dimension)
        subprocess.run([os.path.join(HERE, "plot.py"), "sweep", RESULTS, "--only",
                        f"dimension={dimension}", "--x", "x", "--y", "value", "--by", "line",
                        "--log", "--x-label", WORDS[dimension], "--y-label", unit, "--out",
                        os.path.join(ROOT, "docs", "results", f"scaling_{dimension}.svg")],
                       check=True)


def main():
    parser = argparse.ArgumentParser(prog="study.sh scaling", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--render", action="store_true")
    parser.add_argument("dimensions", nargs="*", metavar="DIMENSION")
    args = parser.parse_args()
    program = os.path.join(args.build, "bench", "scaling")
    if not args.render and not os.path.exists(program):
        sys.exit(f"study.sh scaling: no {program}; ninja -C {args.build} benches")
    if not args.render:
        subprocess.run([program, "--csv", RESULTS, "--repeats", str(args.repeats), "--seconds",
                        str(args.seconds), *args.dimensions], check=True)
    render(read_rows(RESULTS))


if __name__ == "__main__":
    main()
