#!/usr/bin/python3
"""Plots as SVG, for people and for the documents (Debian: python3-matplotlib).

models RUN_DIR…   return against parameters and against latency of every model of these runs, from
                  their scoreboard.json; bars are 95 % intervals, the dashed line is random play.
                  Default output: models.svg in the first run's directory.
sweep FILE.csv    one column of a table against another: a line of means, each row a point.
                  --x and --y name the columns, --by one line for each value of a third.
stack FILE.csv    what sums are made of: a bar for each value of --bar, cut into its rows; --part
                  names them (several columns: a,b), --value says how long they are.
"""
import argparse
import csv
import json
import os
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402

# Text stays text, and one input gives one file, byte by byte.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "stillhouse",
                            "axes.grid": True, "grid.alpha": 0.3, "axes.spines.top": False,
                            "axes.spines.right": False, "font.size": 9})
MARKERS = {"teacher": "s", "student": "o"}
KEPT = {"Date": None, "Creator": "scripts/plot.py"}


def fail(message):
    sys.exit(f"plot.py: {message}")


def save(figure, path):
    try:
        figure.savefig(path, format="svg", metadata=KEPT, bbox_inches="tight")
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    print(path)


def logarithmic(axis):
    """Few, plain numbers: 1, 2, 5, 10, ... To be called when everything is drawn."""
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    axis.xaxis.set_major_locator(LogLocator(subs=(1,) if high > 40 * low else (1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.margins(x=0.15)


def read_board(run):
    path = os.path.join(run, "scoreboard.json")
    try:
        with open(path) as file:
            board = json.load(file)
        for model in board["models"].values():
            for field in ("return_mean", "return_ci95", "parameters", "latency_us", "kind"):
                model[field]
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        fail(f"{path}: not a scoreboard ({type(error).__name__}: {error})")
    if not board["models"]:
        fail(f"{path}: no models")
    return board


def plot_models(args):
    boards = [(os.path.basename(os.path.abspath(run)), read_board(run)) for run in args.runs]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for axis, field, label in ((axes[0], "parameters", "parameters"),
                               (axes[1], "latency_us", "latency, µs (one observation)")):
        axis.set_xlabel(label)
        for index, (run, board) in enumerate(boards):
            colour = f"C{index % 10}"
            for place, (name, model) in enumerate(board["models"].items()):
                low, high = model["return_ci95"]
                mean = model["return_mean"]
                # An interval of a bootstrap need not hold its mean; bars may not be negative.
                bars = [[max(0, mean - low)], [max(0, high - mean)]]
                axis.errorbar([model[field]], [mean], yerr=bars, color=colour, capsize=3,
                              marker=MARKERS.get(model["kind"], "o"),
                              label=run if place == 0 else None)
                axis.annotate(name, (model[field], mean), xytext=(5, 6),
                              textcoords="offset points", color=colour)
            axis.axhline(board["random_return"], color=colour, linestyle="--", linewidth=0.8)
        # Without a measured latency (deterministic runs) there is no logarithm.
        if all(m[field] > 0 for _, board in boards for m in board["models"].values()):
            logarithmic(axis)
    axes[0].set_ylabel("return, mean [95 %]")
    if len(boards) > 1:
        axes[0].legend(fontsize=8)
    else:
        figure.suptitle(boards[0][0])
    save(figure, args.out or os.path.join(args.runs[0], "models.svg"))


def read_rows(path, columns):
    try:
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    if not rows:
        fail(f"{path}: no rows")
    for column in columns:
        if column not in rows[0]:
            fail(f"{path}: no column '{column}'; there are {', '.join(rows[0])}")
    return rows


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


def plot_sweep(args):
    rows = read_rows(args.table, [args.x, args.y] + ([args.by] if args.by else []))
    for condition in args.only:
        column, _, value = condition.partition("=")
        if column not in rows[0]:
            fail(f"{args.table}: no column '{column}'; there are {', '.join(rows[0])}")
        rows = [row for row in rows if row[column] == value] or fail(
            f"{args.table}: no row where {condition}")
    lines = {}
    for row in rows:
        x, y = number(row[args.x]), number(row[args.y])
        if x is not None and y is not None:
            lines.setdefault(row[args.by] if args.by else "", {}).setdefault(x, []).append(y)
    if not lines:
        fail(f"{args.table}: no numbers in '{args.x}' and '{args.y}'")
    figure, axis = plt.subplots(figsize=(5, 3.6))
    for index, (line, points) in enumerate(sorted(lines.items())):
        xs = sorted(points)
        axis.plot(xs, [sum(points[x]) / len(points[x]) for x in xs], marker="o",
                  color=f"C{index % 10}", label=line or None)
        axis.scatter([x for x in xs for _ in points[x]], [y for x in xs for y in points[x]], s=10,
                     color=f"C{index % 10}", alpha=0.5)
    if args.log:
        logarithmic(axis)
    axis.set_xlabel(args.x_label or args.x)
    axis.set_ylabel(args.y_label or args.y)
    if len(lines) > 1:
        axis.legend(title=args.by, fontsize=8)
    if args.title:
        axis.set_title(args.title)
    save(figure, args.out or os.path.splitext(args.table)[0] + ".svg")


def plot_stack(args):
    parts = args.part.split(",")
    rows = read_rows(args.table, [args.bar, args.value] + parts)
    bars = list(dict.fromkeys(row[args.bar] for row in rows))
    figure, axes = plt.subplots(len(bars), 1, figsize=(9, 1.7 * len(bars)), layout="constrained")
    for axis, bar in zip(axes if len(bars) > 1 else [axes], bars):
        left = 0
        for index, row in enumerate(r for r in rows if r[args.bar] == bar):
            length = number(row[args.value])
            if length is None:
                fail(f"{args.table}: '{row[args.value]}' in '{args.value}' is no number")
            words = ", ".join(row[part] for part in parts)
            axis.barh([0], [length], left=left, color=f"C{index % 10}", edgecolor="white",
                      hatch="//" if index >= 10 else None, label=f"{words}: {length:.3g}")
            left += length
        axis.set_title(f"{bar}: {left:.3g} {args.unit}", fontsize=9, loc="left")
        axis.set_yticks([])
        axis.set_xlim(0, left)
        axis.legend(fontsize=6, ncol=2, loc="center left", bbox_to_anchor=(1, 0.5))
    save(figure, args.out or os.path.splitext(args.table)[0] + ".svg")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    models = commands.add_parser("models")
    models.add_argument("runs", nargs="+", metavar="RUN_DIR")
    models.add_argument("--out", help="file to write")
    sweep = commands.add_parser("sweep")
    sweep.add_argument("table", metavar="FILE.csv")
    sweep.add_argument("--x", required=True)
    sweep.add_argument("--y", required=True)
    sweep.add_argument("--by")
    sweep.add_argument("--log", action="store_true", help="logarithmic x")
    sweep.add_argument("--title")
    sweep.add_argument("--only", action="append", default=[], metavar="COLUMN=VALUE",
                       help="rows where that holds")
    sweep.add_argument("--x-label", help="default: the column's name")
    sweep.add_argument("--y-label", help="default: the column's name")
    sweep.add_argument("--out", help="file to write")
    stack = commands.add_parser("stack")
    stack.add_argument("table", metavar="FILE.csv")
    stack.add_argument("--bar", required=True)
    stack.add_argument("--part", required=True)
    stack.add_argument("--value", required=True)
    stack.add_argument("--unit", default="")
    stack.add_argument("--out", help="file to write")
    args = parser.parse_args()
    {"models": plot_models, "sweep": plot_sweep, "stack": plot_stack}[args.command](args)


if __name__ == "__main__":
    main()
