#!/usr/bin/env python3
"""Figures of whole jobs: starts `stillhouse train` under mpirun as scripts/launch.sh does, reads
its progress.jsonl and /proc, and prints JSON lines {name, value, unit, higher_is_better,
conditions}.

  cluster_bench [--quick] [--long] [--only NAME[,NAME...]]

NAME is the beginning of a figure's name or of a section's (transport, steady, unthrottled,
workers, start, tail). --quick measures shortly: good for seeing that it works, not for claims.
--long adds distill.tail_fraction, which takes a whole run of configs/breakout.yaml.
Everything else should be idle: the machine's load is part of the conditions.
"""
import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time

from cluster_job import (BUILD, CpuMeter, Job, descendants, loops_done, machine, pin,
                         process_seconds, program, rate, read)

# Recorded references that cannot be installed here, and their machines (docs/performance.md).
RLPYT_FRAMES, RLPYT_UPDATES = 22000, 295
SB3_FRAMES = 1342


def spread(values, digits=4):
    return (f"median of {len(values)}, {min(values):.{digits}g} to {max(values):.{digits}g}")


def figure(name, value, unit, higher, conditions):
    print(json.dumps({"name": name, "value": float(f"{value:.5g}"), "unit": unit,
                      "higher_is_better": higher,
                      "conditions": f"{conditions}; {machine()}"}),
          flush=True)


def note(text):
    print(text, file=sys.stderr, flush=True)


# ---- references --------------------------------------------------------------------------------

def per_cpu_second(conditions):
    return float(re.search(r"([0-9.e+]+) \w+ a CPU-second", conditions["conditions"]).group(1))


def resident_teacher(core):
    figures = program("resident_bench", "--only", "teacher", "--seconds", "0.2", core=core)
    return figures["learner.resident_updates_per_s"]["value"]


# ---- sections ----------------------------------------------------------------------------------

class Steady:
    """Jobs in their steady state, with and without students in turn."""

    def __init__(self, quick):
        self.rounds = 1 if quick else 3
        self.seconds = 12 if quick else 15
        self.loops = {"alone": [], "students": []}
        self.compute = {"alone": [], "students": []}

    def measure(self):
        self.spi8, self.spi8_updates, self.efficiency, self.pinned = [], [], [], []
        self.lags, self.overheads, self.student_us, self.idle = [], {}, {}, []
        self.resident = program("resident_bench", "--only", "students")
        for number in range(self.rounds):
            note(f"  steady state, round {number + 1} of {self.rounds}")
            self.alone()
            self.with_students(last=number + 1 == self.rounds)
        self.print_all()

    def cpu(self, kind, job):
        """A window in which rank 0's threads are watched as well."""
        meter = CpuMeter(job.pid_of("learner"))
        first, last = job.window(self.seconds)
        loop, compute = meter.take()
        updates = max(1, last["updates"] - first["updates"])
        self.loops[kind].append(loop / updates)
        self.compute[kind].append(compute / updates)
        return first, last

    def alone(self):
        before = resident_teacher(1)
        with Job(4, "alone") as job:
            job.wait_for(lambda line: line["updates"] > 6000, 120)
            first, last = self.cpu("alone", job)
            self.spi8.append(rate(first, last, "frames"))
            self.spi8_updates.append(rate(first, last, "updates"))
            learner = job.pid_of("learner")
            for pid in [job.process.pid] + descendants(job.process.pid):
                pin(pid, 1 if pid == learner else 0)
            time.sleep(1)
            meter = CpuMeter(learner)
            first, last = job.window(self.seconds / 2)
            updates = rate(first, last, "updates")
            computing = (last["updates"] - first["updates"]) / meter.take()[1]
        resident = (before + resident_teacher(1)) / 2
        self.pinned.append((updates, resident, computing))
        # A network that has learnt longer has more zeros to skip than resident_bench's: where the
        # job's own compute thread is the faster, it is the reference.
        self.efficiency.append(updates / max(resident, computing))

    def with_students(self, last):
        with Job(6) as job:
            # The lag is that of the last 1024 chunks a shard: beyond the start, where all is random.
            job.wait_for(lambda line: line["updates"] > 20000, 120)
            hosts = [pid for role, pid in job.rank_pids().values() if "student" in role]
            meters = [CpuMeter(pid) for pid in hosts]
            first, end = self.cpu("students", job)
            lines = [l for l in job.progress() if l["elapsed_s"] >= first["elapsed_s"]]
            self.lags.append(max(l["weights_lag_p99"] for l in lines))
            for meter, name in zip(meters, first["students"]):
                updates = max(1, end["students"][name]["updates"]
                              - first["students"][name]["updates"])
                resident = 1 / per_cpu_second(
                    self.resident[f"student.resident_updates_per_s.{name}"])
                loop, compute = meter.take()
                alone = min(resident, compute / updates)
                self.overheads.setdefault(name, []).append((loop + compute) / updates / alone)
                self.student_us.setdefault(name, []).append(
                    [1e6 * s for s in (loop / updates, compute / updates, resident)])
            if last:
                self.idle_ranks(job)

    def idle_ranks(self, job):
        """Stopped workers make everybody wait."""
        for pid in job.workers():
            os.kill(pid, signal.SIGSTOP)
        time.sleep(4)
        ranks = job.rank_pids()
        seconds = 5
        before = {pid: process_seconds(pid) for _, pid in ranks.values()}
        updates = job.progress()[-1]["updates"]
        time.sleep(seconds)
        self.idle = [(100 * (process_seconds(pid) - before[pid]) / seconds, role)
                     for role, pid in ranks.values()]
        if job.progress()[-1]["updates"] != updates:
            note("  idle: the learner still had samples left")

    def print_all(self):
        jobs = f"{self.rounds} jobs of {self.seconds} s each in their steady state"
        preset = "configs/breakout.yaml"
        frames = statistics.median(self.spi8)
        updates = statistics.median(self.spi8_updates)
        figure("e2e.spi8", frames, "frames/s", True,
               f"{preset} without students, 4 ranks, samples per insert 8, batch 32, uniform "
               f"replay: {updates:.4g} updates/s; {jobs}; {spread(self.spi8)}; reference: "
               f"recorded SB3 {SB3_FRAMES} frames/s ({frames / SB3_FRAMES:.2f} x)")
        pinned = [statistics.median(values) for values in zip(*self.pinned)]
        figure("learner.efficiency", statistics.median(self.efficiency), "ratio", True,
               f"{preset} without students, learner rank on core 1, everything else on core 0: "
               f"{pinned[0]:.4g} updates/s, against the better of resident_bench on core 1 before "
               f"and after each of {self.rounds} jobs ({pinned[1]:.4g}) and the updates a "
               f"CPU-second of the job's own compute thread ({pinned[2]:.4g}); "
               f"{spread(self.efficiency)}")
        figure("weights.lag_p99_versions", max(self.lags), "versions", False,
               f"{preset}, 6 ranks, a version every 100 updates, worst of the windows of {jobs}: "
               f"versions between the weights in use when a chunk was cut and the newest when it "
               f"was stored, last 1024 chunks of the worse shard; in updates x 100")
        worst = {name: statistics.median(values) for name, values in self.overheads.items()}
        parts = {name: [statistics.median(v) for v in zip(*rows)]
                 for name, rows in self.student_us.items()}
        name = max(worst, key=worst.get)
        figure("distill.student_overhead", worst[name], "ratio", False,
               f"{preset}, 6 ranks, each student on a rank of its own: CPU of event loop and "
               f"compute thread an update, over the lesser of the compute thread's and "
               f"resident_bench's; " + ", ".join(
                   f"{n} {worst[n]:.3g} (loop {p[0]:.3g} us, compute {p[1]:.3g}, resident "
                   f"{p[2]:.3g})" for n, p in parts.items()) + f"; {jobs}")
        loops = {k: statistics.median(v) * 1e6 for k, v in self.loops.items()}
        compute = statistics.median(self.compute["students"]) * 1e6
        figure("distill.publish_cost", (loops["students"] - loops["alone"]) / compute, "ratio",
               False,
               f"{preset}: CPU of rank 0's event loop a teacher update with two students on two "
               f"hosts ({loops['students']:.4g} us) less without ({loops['alone']:.4g} us), over "
               f"its compute thread's ({compute:.4g} us; without students "
               f"{statistics.median(self.compute['alone']) * 1e6:.4g}); interleaved {jobs}; the "
               f"loop's idle polling over the longer update is in the difference")
        cpu, role = max(self.idle)
        figure("idle.cpu_percent", cpu, "%", False,
               f"{preset}, 6 ranks, workers stopped by SIGSTOP, 5 s: worst rank ({role}) of "
               + ", ".join(f"{r} {c:.1f}" for c, r in self.idle))


def unthrottled(quick):
    seconds = 12 if quick else 30
    with Job(4, "alone", ["replay.tolerance=1e14"]) as job:
        job.wait_for(lambda line: line["updates"] > 2000, 120)
        first, last = job.window(seconds)
    frames, updates = rate(first, last, "frames"), rate(first, last, "updates")
    figure("e2e.both_rates", min(frames / RLPYT_FRAMES, updates / RLPYT_UPDATES), "x", True,
           f"configs/breakout.yaml without students, 4 ranks, no rate limit, {seconds} s: "
           f"{frames:.5g} frames/s and {updates:.4g} updates/s; the lesser ratio to rlpyt's "
           f"asynchronous prioritised DQN as recorded ({RLPYT_FRAMES} frames/s, {RLPYT_UPDATES} "
           f"updates/s)")


def workers(quick):
    rounds, seconds = (1, 5) if quick else (3, 8)
    frames, ceilings = {1: [], 2: [], 8: []}, []
    for _ in range(rounds):
        ceilings.append(loops_done(2) / loops_done(1))
        for count, rates in frames.items():
            settings = ["replay.min_size=30000000", "replay.capacity=30000000",
                        f"actors.workers={count}", "actors.hosts=1", "replay.shards=1"]
            with Job(3, "alone", settings) as job:
                job.wait_for(lambda line, n=count: line["frames"] > 100000
                             and line["actors_alive"] == n, 60)
                rates.append(rate(*job.window(seconds), "frames"))
    median = {count: statistics.median(rates) for count, rates in frames.items()}
    ratio = median[2] / median[1]
    ceiling = statistics.median(ceilings)
    figure("e2e.workers", ratio / ceiling, "ratio", True,
           f"configs/breakout.yaml, one actor host, one shard, nothing sampled, {rounds} x "
           f"{seconds} s: 1 / 2 / 8 workers {median[1]:.5g} / {median[2]:.5g} / {median[8]:.5g} "
           f"frames/s (2 over 1: {ratio:.3g}, 8 over 2: {median[8] / median[2]:.3g}); over what "
           f"two processes get done against one here ({ceiling:.3g}, a loop without memory, same "
           f"run)")


def start(quick):
    times = []
    for _ in range(3 if quick else 5):
        with Job(4, None, ["monitor.log_every=50ms"]) as job:
            line = job.wait_for(lambda l: l["updates"] > 0, 60)
            times.append(line["time"] - job.launched)
    figure("start.to_first_update_s", statistics.median(times), "s", False,
           f"configs/breakout.yaml, 4 ranks, from mpirun's start to the first line of progress "
           f"(every 50 ms) with an update, the 5000 frames of replay.min_size included; "
           f"{spread(times, 3)}")


def entries(folder):
    """What is in it; nothing when it is not there yet."""
    return os.listdir(folder) if os.path.isdir(folder) else []


def resume(quick):
    items = 200_000 if quick else 1_000_000
    times = []
    settings = ["replay.durability=async", f"replay.capacity={items}", "checkpoint.every=2s",
                f"replay.min_size={items * 9 // 10}", "monitor.log_every=50ms"]
    for _ in range(1 if quick else 3):
        with Job(6, None, settings) as job:
            job.wait_for(lambda l: l["updates"] > 500 and l["replay_size"] > items * 0.99, 240)
            deadline = time.time() + 20
            while not entries(os.path.join(job.run, "checkpoints")) and time.time() < deadline:
                time.sleep(0.1)
            job.kill()
            job.launch(["--resume", "auto"])
            since = job.wait_for(lambda l: l["attempt"] == 2, 120)["updates"]
            line = job.wait_for(lambda l: l["attempt"] == 2 and l["updates"] > since, 60)
            times.append(line["time"] - job.launched)
            held = line["replay_size"]
    figure("resume.seconds", statistics.median(times), "s", False,
           f"configs/breakout.yaml, 6 ranks, {held} transitions in 2 shards (async), all killed "
           f"with -9: from mpirun's start to the first line of progress (every 50 ms) with a new "
           f"update; files in the page cache; {spread(times, 3)}")


def transport(quick):
    """transport_bench under mpirun as launch.sh would do it."""
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1",
                   "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                   "MALLOC_TRIM_THRESHOLD_": "268435456", "MALLOC_MMAP_THRESHOLD_": "268435456"}
    command = ["mpirun", "-n", "2", "--bind-to", "none", "--oversubscribe", "--mca",
               "mpi_yield_when_idle", "1", os.path.join(BUILD, "bench", "transport_bench")]
    result = subprocess.run(command + (["--quick"] if quick else []), env=environment, check=True,
                            stdout=subprocess.PIPE, text=True, timeout=600)
    for line in result.stdout.splitlines():
        parsed = json.loads(line)
        figure(parsed["name"], parsed["value"], parsed["unit"], parsed["higher_is_better"],
               parsed["conditions"])


def tail():
    needed = {"small": 0.95, "tiny": 0.90}
    with Job(6, None, [], limit=None) as job:
        status = job.process.wait(900)
        scores = json.loads(read(os.path.join(job.run, "scoreboard.json")))["models"]
        lines = job.progress()
        stamps = {phase: [l["elapsed_s"] for l in lines if l["phase"] == phase]
                  for phase in ("train", "tail", "final")}
    if isinstance(scores, list):
        scores = {model["name"]: model for model in scores}
    end = (stamps["final"] or stamps["tail"])[0]
    fraction = (end - stamps["train"][-1]) / end
    kept = {name: scores[name]["retention"] for name in needed}
    met = all(kept[name] >= least for name, least in needed.items())
    text = ", ".join(f"{name} {kept[name]:.3f} (needs {needed[name]})" for name in needed)
    figure("distill.tail_fraction", fraction if met else 1.0, "ratio", False,
           f"configs/breakout.yaml, 6 ranks, exit status {status}: tail {fraction:.3f} of the "
           f"run; retention of the frozen teacher {text}, teacher "
           f"{scores['teacher']['return_mean']:.2f}; "
           + ("met" if met else "NOT met at the tail's end, so the value is 1"))


SECTIONS = {
    "transport": (transport, ["replay.transport_fraction"]),
    "steady": (lambda quick: Steady(quick).measure(),
               ["e2e.spi8", "learner.efficiency", "weights.lag_p99_versions",
                "distill.student_overhead", "distill.publish_cost", "idle.cpu_percent"]),
    "unthrottled": (unthrottled, ["e2e.both_rates"]),
    "workers": (workers, ["e2e.workers"]),
    "start": (start, ["start.to_first_update_s"]),
    "resume": (resume, ["resume.seconds"]),
    "tail": (lambda quick: tail(), ["distill.tail_fraction"]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    only = [name for name in options.only.split(",") if name]
    failed = False
    # A job must not outlive us, whoever ends us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for section, (measure, names) in SECTIONS.items():
        asked = any(section == o or any(n.startswith(o) for n in names) for o in only)
        if (only and not asked) or (not only and section == "tail" and not options.long):
            continue
        note(f"cluster_bench: {section}")
        try:
            measure(options.quick)
        except (RuntimeError, OSError, subprocess.SubprocessError, StopIteration, KeyError) as e:
            note(f"cluster_bench: {section} failed: {type(e).__name__}: {e}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
