#!/usr/bin/env python3
"""Does memory grow? Runs a job for half an hour and looks at its processes.

  scripts/study.sh memory [--minutes 30] [-n RANKS] [--every SECONDS]

configs/breakout.yaml with a store of 100 000 transitions that is full after some ten seconds, with
a log and checkpoints every minute. Writes docs/results/memory.csv, one row a look and process:
resident MiB, and the store's on the disk. Prints for each what it had when it had settled (a sixth
of the time), in the end, and the slope of a straight line between.
"""
import argparse
import csv
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIELDS = ["elapsed_s", "process", "mib"]


def memory_mib(pid):
    """Resident memory of a process; None when it has gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None


def read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def name_of(pid, run_dir):
    """"rank 3" or "worker"; None: not of this job."""
    command = read(f"/proc/{pid}/cmdline").split(b"\0")
    program = os.path.basename(command[0]) if command else b""
    variables = dict(part.split(b"=", 1) for part in read(f"/proc/{pid}/environ").split(b"\0")
                     if b"=" in part)
    rank = variables.get(b"OMPI_COMM_WORLD_RANK")
    if program == b"stillhouse" and str(run_dir).encode() in command and rank is not None:
        return f"rank {rank.decode()}"
    if program == b"stillhouse-worker":
        parent = read(f"/proc/{pid}/stat").rsplit(b")", 1)[-1].split()
        if len(parent) > 1 and str(run_dir).encode() in read(
                f"/proc/{int(parent[1])}/cmdline").split(b"\0"):
            return "worker"
    return None


def look(run_dir):
    """{process: MiB}; several workers count together, as does the store's directory."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        name = name_of(entry, run_dir)
        used = memory_mib(entry) if name else None
        if used is not None:
            found[name] = found.get(name, 0) + used
    files = (file for file in (run_dir / "replay").rglob("*") if file.is_file())
    found["disk"] = sum(size_of(file) for file in files) / 2**20
    return found


def size_of(file):
    try:
        return file.stat().st_size
    except OSError:  # retired meanwhile
        return 0


def slope(points):
    """Of the straight line through (x, y) by least squares, y a unit of x; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    x_mean = sum(x for x, _ in points) / len(points)
    y_mean = sum(y for _, y in points) / len(points)
    spread = sum((x - x_mean) ** 2 for x, _ in points)
    if spread == 0:
        return 0.0
    return sum((x - x_mean) * (y - y_mean) for x, y in points) / spread


def summary(rows):
    """[process, MiB when settled, MiB in the end, MiB an hour], of rows (elapsed_s, process, mib)."""
    last = max(elapsed for elapsed, _, _ in rows)
    result = []
    for process in sorted({process for _, process, _ in rows}):
        points = [(elapsed, mib) for elapsed, name, mib in rows
                  if name == process and elapsed >= last / 6]
        if points:
            result.append([process, points[0][1], points[-1][1], slope(points) * 3600])
    return result


def play(args, run_dir, log):
    command = [str(ROOT / "scripts/launch.sh"), "-n", str(args.ranks), "train",
               str(ROOT / "configs/breakout.yaml"), "--quiet", "--run-dir", str(run_dir),
               "--set", "replay.capacity=100000", "--set", "replay.durability=async",
               "--set", "checkpoint.every=60s",
               "--set", f"stop={{time: {args.minutes + 5}m, distill_tail: 0}}"]
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT,
                            env={**os.environ, "STILLHOUSE_BUILD": args.build})


def main():
    parser = argparse.ArgumentParser(prog="study.sh memory")
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("-n", dest="ranks", type=int, default=6)
    parser.add_argument("--every", type=float, default=10)
    parser.add_argument("--results", default=str(ROOT / "docs/results/memory.csv"))
    args = parser.parse_args()
    run_dir = ROOT / "runs/study/memory"
    run_dir.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    with open(f"{run_dir}.log", "wb") as log:
        job = play(args, run_dir, log)
        began = time.monotonic()
        while time.monotonic() - began < args.minutes * 60:
            time.sleep(args.every)
            if job.poll() is not None:
                sys.exit(f"study.sh memory: the job ended with {job.returncode}; log: {run_dir}.log")
            elapsed = time.monotonic() - began
            rows += [(elapsed, process, mib) for process, mib in sorted(look(run_dir).items())]
        job.send_signal(signal.SIGTERM)
        job.wait()
    with open(args.results, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows((f"{elapsed:.0f}", process, f"{mib:.1f}") for elapsed, process, mib in rows)
    print(f"{'process':<10}{'settled MiB':>12}{'end MiB':>10}{'MiB an hour':>13}")
    for process, settled, end, growth in summary(rows):
        print(f"{process:<10}{settled:>12.1f}{end:>10.1f}{growth:>13.2f}")


if __name__ == "__main__":
    main()
