#!/usr/bin/env python3
"""Where the time of one actor frame, one TD update and one student update goes: samples the processes
of running jobs of configs/breakout.yaml with perf and sorts the samples by the function they fall
into. Writes a CSV: {of, thread, stage, us, share, conditions}; microseconds of CPU a frame or an update.

  breakdown --csv FILE [--seconds S]

Debian's linux-perf must be installed, and the kernel must let us use it (as root, or
kernel.perf_event_paranoid at most 1). Everything else should be idle.
"""
import argparse
import collections
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile

from cluster_job import Job, machine, rate

HERTZ = 1999
COLUMNS = ["of", "thread", "stage", "us", "share", "conditions"]
# The first expression that is found in "OBJECT FUNCTION" names the stage.
KERNEL = ("system calls and scheduling", r"^\[")
MEMORY = ("allocating and copying", r"^libc\S* (.*(alloc|free|mem(move|cpy|set|cmp)|unlink_chunk)|brk)"
                                    r"|operator (new|delete)|^libstdc")
WORKER = [
    KERNEL,
    ("inference", r"Linear|Conv|FindNonZeros|NativeNetwork|NativePlan|Dueling|Operator|Forward"),
    ("taking new weights", r"LoadParameters|Parameters|WeightsReply|ModelCatalog"),
    ("environment", r"MinAtar|Environment|minatar|Breakout"),
    ("chunks, checksums, socket", r"Chunk|Crc32c|ZSTD|HUF|FSE|asio|Tcp|Frame|ExperienceSender"
                                  r"|AckLedger|ByteWriter|send|recv|epoll"),
    MEMORY,
    ("exploration, n-step, priorities", r"Behaviour|Actor|Explor|AddComparison|Rng|libm|Policy|exp"),
]
COMPUTE = [
    KERNEL,
    ("first convolution (bits)", r"BitConv"),
    ("fully connected: forward", r"ForwardKernel|namespace\)::Forward$"),
    ("fully connected: gradient of inputs", r"InputGradient"),
    ("fully connected: gradient of weights", r"WeightGradient"),
    ("dense products (sgemm)", r"openblas|libblas|Gemm"),
    ("optimiser", r"Adam|Sgd|AddSquares|Clip|FlatOptimizer"),
    ("publishing, average, target", r"ToCanonical|FromCanonical|MoveAverage"),
    MEMORY,
    ("activations, targets, loss", r"stillhouse_learner|libm|libtorch|libc10"),
]
LOOP = [
    KERNEL,
    ("MPI", r"^libmpi|^mca_|^libopen|^libevent|^libhwloc|comm::"),
    ("allocating and copying", MEMORY[1]),
    ("sampling and priorities", r"replay::|Sampler|SumTree|Priorit"),
    ("labels", r"Label"),
    ("roles and event loop", r"stillhouse|pthread|clock|epoll|libc|asio|spdlog|fmt"),
]
REST = "the rest"


def stage_of(stages, where):
    return next((name for name, pattern in stages if re.search(pattern, where)), REST)


def sampled(pids, seconds):
    """{pid: {tid: Counter of "OBJECT FUNCTION"}} of the CPU time that the processes used."""
    with tempfile.TemporaryDirectory(prefix="stillhouse-breakdown-") as folder:
        data = os.path.join(folder, "perf.data")
        subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", str(HERTZ), "-o", data, "-p",
                        ",".join(map(str, pids)), "--", "sleep", str(seconds)], check=True)
        script = subprocess.run(["perf", "script", "-i", data, "-F", "pid,tid,ip,sym,dso"], check=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = {pid: collections.defaultdict(collections.Counter) for pid in pids}
    for line in script.stdout.splitlines():
        match = re.match(r"\s*(\d+)/(\d+)\s+[0-9a-f]+ (.*) \((.*)\)$", line)
        if match and int(match[1]) in found:
            place = f"{os.path.basename(match[4])} {match[3]}"
            found[int(match[1])][int(match[2])][place] += 1
    return found


def staged(counter, stages):
    """{stage: samples}"""
    result = collections.Counter()
    for place, count in counter.items():
        result[stage_of(stages, place)] += count
    return result


def rows_of(what, threads, per_s, seconds, words):
    """threads: {name: {stage: samples}}; per_s: frames or updates a second."""
    everything = sum(sum(stages.values()) for stages in threads.values())
    if everything == 0:
        raise RuntimeError(f"no sample fell into {what}")
    return [{"of": what, "thread": thread, "stage": stage,
             "us": f"{1e6 * count / HERTZ / (per_s * seconds):.3g}",
             "share": f"{count / everything:.3f}", "conditions": words}
            for thread, stages in threads.items() for stage, count in stages.most_common()]


def threads_of(counters, pid):
    """The event loop is the first thread; of the others the compute thread works most."""
    others = [counter for tid, counter in counters.items() if tid != pid]
    compute = max(others, key=lambda counter: sum(counter.values()))
    return {"compute thread": staged(compute, COMPUTE), "event loop": staged(counters[pid], LOOP)}


def frame(seconds):
    """One worker that nothing holds back: nothing is sampled."""
    settings = ["students=~", "replay.min_size=30000000", "replay.capacity=30000000",
                "actors.workers=1", "actors.hosts=1", "replay.shards=1"]
    with Job(3, None, settings) as job:
        job.wait_for(lambda line: line["frames"] > 500000 and line["actors_alive"] == 1, 60)
        worker = job.workers()[0]
        first = job.progress()[-1]
        counters = sampled([worker], seconds)[worker]
        last = job.progress()[-1]
        words = f"one worker, nothing sampled, {rate(first, last, 'frames'):.4g} frames/s; {machine()}"
        return rows_of("actor frame", {"worker": staged(sum(counters.values(), collections.Counter()),
                                                        WORKER)},
                       rate(first, last, "frames"), seconds, words)


def updates(seconds):
    """The learner's rank and both student hosts of a job in its steady state."""
    with Job(6) as job:
        job.wait_for(lambda line: line["updates"] > 10000, 240)
        ranks = job.rank_pids()
        learner = job.pid_of("learner")
        hosts = [pid for _, (role, pid) in sorted(ranks.items()) if "student" in role]
        first = job.progress()[-1]
        found = sampled([learner] + hosts, seconds)
        last = job.progress()[-1]
        rows = rows_of("TD update", threads_of(found[learner], learner), rate(first, last, "updates"),
                       seconds, f"batch of 32, labels for two student hosts; {machine()}")
        for pid, (name, student) in zip(hosts, last["students"].items()):
            done = student["updates"] - first["students"][name]["updates"]
            per_s = done / (last["elapsed_s"] - first["elapsed_s"])
            rows += rows_of(f"update of {name}", threads_of(found[pid], pid), per_s, seconds,
                            f"64 rows; {machine()}")
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv", required=True)
    parser.add_argument("--seconds", type=float, default=15)
    options = parser.parse_args()
    if not shutil.which("perf"):
        sys.exit("breakdown: no perf; it is in Debian's package linux-perf")
    rows = frame(options.seconds) + updates(options.seconds)
    with open(options.csv, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
