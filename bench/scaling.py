#!/usr/bin/env python3
"""How a job's costs grow: with the batch, with students, shards, workers and connections. Measures
whole jobs of configs/breakout.yaml (cluster_job.py) and the box's own ceiling beside them, and adds
a line a measurement to a CSV: {dimension, x, line, value, unit, repeat, conditions}. What has its
lines is not measured again.

  scaling --csv FILE [--repeats N] [--seconds S] [DIMENSION...]

Everything else should be idle: the machine's load is part of the conditions.
"""
import argparse
import os
import statistics
import sys

from cluster_job import SOURCE, Job, loops_done, machine, program, rate

sys.path.insert(0, os.path.join(SOURCE, "scripts", "methods"))
from rows import add_rows, read_rows  # noqa: E402

COLUMNS = ["dimension", "x", "line", "value", "unit", "repeat", "conditions"]
NOBODY = "students=~"
TINY = ("{network: {layers: [{conv2d: {filters: 4, kernel: 3}}, relu, flatten, {linear: 32}, relu, "
        "{q_head: {dueling: true}}]}, loss: {kind: kl, temper: teacher, temperature: 0.01}}")
WARM = 3000  # updates before the clock starts


def job_rates(ranks, settings, seconds, condition=lambda line: line["updates"] > WARM):
    with Job(ranks, None, settings) as job:
        job.wait_for(condition, 120)
        first, last = job.window(seconds)
    return first, last


# ---- dimensions: x -> {line: value} --------------------------------------------------------------

def batch(x, seconds):
    """Rows a second that the teacher learns from, without a rate limit."""
    first, last = job_rates(4, [NOBODY, f"teacher.batch_size={x}", "replay.tolerance=1e14"],
                            seconds, lambda line: line["updates"] > 500)
    resident = program("resident_bench", "--only", "teacher", "--quick", "--batch", str(x))
    return {"job": x * rate(first, last, "updates"),
            "ceiling": x * resident["learner.resident_updates_per_s"]["value"]}


def students(x, seconds):
    """Updates a second of the teacher, and of each of x students on one host."""
    hosted = "students={" + ", ".join(f"s{i}: {TINY}" for i in range(x)) + "}"
    first, last = job_rates(5, [hosted, "actors.hosts=1"], seconds)
    alone = job_rates(4, [NOBODY], seconds)
    mean = statistics.mean(
        (last["students"][name]["updates"] - first["students"][name]["updates"])
        / (last["elapsed_s"] - first["elapsed_s"]) for name in last["students"])
    return {"teacher": rate(first, last, "updates"), "each student": mean,
            "ceiling": rate(*alone, "updates")}


def shards(x, seconds):
    """Updates a second, every batch drawn from x shards."""
    first, last = job_rates(2 + x, [NOBODY, f"replay.shards={x}", "actors.hosts=1"], seconds)
    resident = program("resident_bench", "--only", "teacher", "--quick")
    return {"job": rate(first, last, "updates"),
            "ceiling": resident["learner.resident_updates_per_s"]["value"]}


def workers(x, seconds):
    """Frames a second that x workers of one host play and one shard stores; nothing is sampled."""
    def frames(count):
        settings = [NOBODY, "replay.min_size=30000000", "replay.capacity=30000000",
                    f"actors.workers={count}", "actors.hosts=1", "replay.shards=1"]
        return rate(*job_rates(3, settings, seconds, lambda line: line["frames"] > 50000
                               and line["actors_alive"] == count), "frames")
    return {"job": frames(x), "ceiling": frames(1) * loops_done(min(x, 2)) / loops_done(1)}


def connections(_, __):
    """Chunks a second of one shard; all counts in one go."""
    return {name[len("connections."):]: figure["value"]
            for name, figure in program("connection_scaling", "--quick").items()}


DIMENSIONS = {
    "batch": (batch, [8, 16, 32, 64, 128, 256, 512], "rows/s"),
    "students": (students, [1, 2, 4, 8], "updates/s"),
    "shards": (shards, [1, 2, 4, 8, 16], "updates/s"),
    "workers": (workers, [1, 2, 4, 8, 16], "frames/s"),
    "connections": (connections, [0], "chunks/s"),
}


# ---- lines ---------------------------------------------------------------------------------------

def lines_of(dimension, x, values):
    """[(x, line, value)]; of connections each value names its x itself."""
    if dimension != "connections":
        return [(x, line, value) for line, value in values.items()]
    split = [name.partition(".") for name in values]
    return [(int(count), line or "job", values[name])
            for name, (count, _, line) in zip(values, split)]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", required=True)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("dimensions", nargs="*", metavar="DIMENSION")
    options = parser.parse_args()
    unknown = [name for name in options.dimensions if name not in DIMENSIONS]
    if unknown:
        parser.error(f"no dimension {', '.join(unknown)}; there are {', '.join(DIMENSIONS)}")
    for repeat in range(1, options.repeats + 1):  # every size once before any is measured again
        for dimension in options.dimensions or DIMENSIONS:
            measure, xs, unit = DIMENSIONS[dimension]
            for x in xs:
                if any(row["dimension"] == dimension and row["repeat"] == str(repeat)
                       and (dimension == "connections" or row["x"] == str(x))
                       for row in read_rows(options.csv)):
                    continue
                print(f"{dimension} {x or ''}, repeat {repeat}", flush=True)
                lines = lines_of(dimension, x, measure(x, options.seconds))
                add_rows(options.csv, COLUMNS, [
                    {"dimension": dimension, "x": at, "line": line, "value": f"{value:.5g}",
                     "unit": unit, "repeat": repeat, "conditions": machine()}
                    for at, line, value in lines])
    return 0


if __name__ == "__main__":
    sys.exit(main())
