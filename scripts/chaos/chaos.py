"""The harness behind scripts/chaos.sh; docs/reliability.md says what it checks."""

import argparse
import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import faults
from run import DONE_S, EXIT_S, PREEMPT_S, Hang, Run

KILLS_A_RUN = 20
FINITE_KILLS = 3  # the last ones of a run hit it while it ends
FIRE_S = 6  # an armed failpoint that has not been hit by then will not be waited for


class Chaos:
    def __init__(self, settings):
        self.settings = settings
        self.run = None
        self.runs = 0
        self.done = 0  # kills
        self.in_run = 0
        self.counts = collections.Counter()
        self.totals = collections.Counter()
        self.restarts = 0
        self.slowest_start = 0.0
        self.began = time.monotonic()

    # ---- one fault each --------------------------------------------------------------------

    def start(self, fault, failpoints=""):
        if self.run is None:
            self.runs += 1
            self.in_run = 0
            self.run = Run(self.settings, self.runs)
        left = KILLS_A_RUN - self.in_run
        self.run.start(fault, failpoints, 700 if left <= FINITE_KILLS else None)
        self.restarts += 1

    def running(self):
        return self.run is not None and self.run.job is not None and self.run.job.over() is None

    def at_work(self, fault, failpoints=""):
        """A job that trains; False: it ended before that."""
        if not self.running():
            self.start(fault, failpoints)
        began = time.monotonic()
        ready = self.run.wait_ready()
        self.slowest_start = max(self.slowest_start, time.monotonic() - began)
        return ready

    def stop_politely(self, dying=False):
        """SIGUSR1, as a scheduler's notice: a checkpoint, then 75. `dying`: it may be on its way to
        its own end, for want of somebody who has died."""
        if not self.running():
            return "was not running"
        self.run.job.signal([self.run.job.process.pid], signal.SIGUSR1)
        status = self.run.finish_attempt(PREEMPT_S, "SIGUSR1")
        if status not in (75, 0) and not (dying and status == 1 and self.run.says_who_died()):
            self.run.witness.fail(f"STATUS {status} after SIGUSR1, 75 is promised: "
                                  + self.run.last_words())
        return f"status {status}"

    def kill(self, target, what):
        pids = self.run.job.pids(target)
        if not pids:  # it is not there yet
            what, pids = "everything", self.run.job.pids("everything")
        self.run.job.signal(pids, signal.SIGKILL)
        return self.aftermath(what)

    def aftermath(self, what):
        """Something has died: the job ends, or it goes on without it. Returns which."""
        since = time.monotonic()
        seen = self.run.updates() or 0
        while time.monotonic() - since < EXIT_S:
            if not self.running():
                return f"status {self.run.finish_attempt(EXIT_S, what)}"
            waited = time.monotonic() - since
            updates = self.run.updates() or 0
            if waited < 1:
                seen = updates  # what was under way may still come
            elif not self.run.somebody_plays() or (self.run.finite and waited > 3):
                return ("the others live, without work; SIGUSR1: "
                        + self.stop_politely(dying=True))
            elif updates > seen:
                return "the others go on"
            time.sleep(0.05)
        raise Hang(f"{what}: neither over nor at work after {EXIT_S} s")

    def target(self, fault):
        rank = fault.rank % max(1, len(self.run.job.roles))
        return f"rank {rank}", f"rank {rank}: {self.run.job.roles.get(rank, '?')}"

    def armed(self, fault):
        """Waits until the failpoint has struck. Returns what to say."""
        deadline = time.monotonic() + FIRE_S
        while time.monotonic() < deadline and self.running() and not self.run.struck():
            time.sleep(0.02)
        if not self.run.struck():
            if not self.running():
                return None
            target, name = self.target(fault)
            self.counts["(not hit: killed instead)"] += 1
            return f"not hit, kill -9 {name}: " + self.kill(target, f"kill -9 {name}")
        return ""

    def strike(self, fault):
        """Returns (label for the counts, what happened), or None when the run was over first."""
        kind = fault.kind
        if kind in faults.ARMED and self.running():
            self.stop_politely()
            if self.over():
                return None
        if kind == "early":
            self.start(fault)
            time.sleep(fault.after_s)
            target, name = self.target(fault)
            if fault.rank % 3 == 0:
                target = name = "everything"
            return f"early {name.split(':')[0]}", (f"kill -9 {name} {fault.after_s:.2f} s after "
                                                   f"the start: " + self.kill(target, name))
        ready = self.at_work(fault, fault.failpoints)
        if kind in ("failpoint", "log-error", "checkpoint-error"):
            return self.strike_armed(fault)
        if ready:
            time.sleep(fault.after_s)
        if not ready or not self.running():
            return self.ended_by_itself()
        return getattr(self, "strike_" + kind)(fault)

    def ended_by_itself(self):
        status = self.run.finish_attempt(EXIT_S, "its end")
        if not self.over():
            self.run.witness.fail(f"STATUS {status}, and nobody had touched it: "
                                  + self.run.last_words())

    def strike_armed(self, fault):
        label = fault.failpoints.split("@")[0]
        said = self.armed(fault)
        if said is None:  # it was over first
            return self.ended_by_itself()
        if said:
            return label, f"{fault.failpoints}: {said}"
        lives = fault.kind == "checkpoint-error" or label.startswith("ack.")
        if lives:
            if not self.run.wait_progress(fault.failpoints) and not self.run.finite:
                self.run.witness.fail(f"DIED of {fault.failpoints}: " + self.run.last_words())
            return label, f"{fault.failpoints}: it goes on"
        said = self.aftermath(fault.failpoints)
        promised = "status 2" if self.run.dealing_failed() else "status 1"
        if fault.kind == "log-error" and said != promised and not self.run.finite:
            self.run.witness.fail(f"STATUS when the log cannot be written: {said}, {promised} is "
                                  "promised: " + self.run.last_words())
        return label, f"{fault.failpoints}: {said}"

    def strike_kill(self, fault):
        target, name = self.target(fault)
        return "kill " + name.split(": ")[1], (f"kill -9 {name}, {fault.after_s:.2f} s at work: "
                                               + self.kill(target, name))

    def strike_mpirun(self, _):
        return "kill mpirun", "kill -9 mpirun: " + self.kill("mpirun", "kill -9 mpirun")

    def strike_everything(self, _):
        return "kill everything", "kill -9 everything: " + self.kill("everything", "kill -9 all")

    def strike_worker(self, fault):
        pids = self.run.job.pids("workers")
        if pids:
            self.run.job.signal([pids[fault.rank % len(pids)]], signal.SIGKILL)
        self.expect_life("kill -9 of a worker")
        return "kill worker", "kill -9 of a worker: it goes on"

    def strike_pause(self, fault):
        target, name = self.target(fault)
        pids = self.run.job.pids(target)
        before = self.run.updates() or 0
        self.run.job.signal(pids, signal.SIGSTOP)
        time.sleep(fault.pause_s)
        during = (self.run.updates() or 0) - before
        if "student" in name and "learner" not in name and "shard" not in name:
            if fault.pause_s > 5 and during == 0 and not self.run.finite:
                self.run.witness.fail(f"STALLED: no update while {name} was stopped")
        self.run.job.signal(pids, signal.SIGCONT)
        self.expect_life(f"a pause of {name}")
        return "pause", f"SIGSTOP {fault.pause_s:.1f} s, SIGCONT, {name}: it goes on"

    def strike_cut(self, fault):
        if shutil.which("ss"):
            for port in self.run.shard_ports():
                subprocess.run(["ss", "-K", "-t", "sport", "=", str(port)], check=False,
                               capture_output=True)
        self.expect_life("cut connections")
        cuts = sum(1 for name, _, _ in self.run.job.fired() if name.startswith("net."))
        return "cut", f"{fault.failpoints}: {cuts} cuts, it goes on"

    def strike_preempt(self, _):
        return "preempt", "SIGUSR1: " + self.stop_politely()

    def strike_rot(self, fault):
        said = self.kill("everything", "kill -9 everything")
        rotten = self.run.rot_checkpoint()
        return "rot", f"kill -9 everything: {said}" + (", newest checkpoint damaged" if rotten else "")

    def expect_life(self, what):
        if not self.run.wait_progress(what) and not self.run.finite:
            status = self.run.finish_attempt(EXIT_S, what)
            self.run.witness.fail(f"DIED with status {status} of {what}: " + self.run.last_words())

    # ---- the whole -------------------------------------------------------------------------

    def over(self):
        return self.run is not None and self.run.job.status().get("status") == "done"

    def end_run(self):
        """Goes on until done, as a user's script would."""
        run = self.run
        if not self.over():
            self.stop_politely()
        for _ in range(3):
            if self.over():
                break
            run.start(faults.Fault("none"), "", 300)
            status = run.finish_attempt(DONE_S, "the last attempt")
            if status != 0:
                run.witness.fail(f"STATUS {status} of an undisturbed attempt: " + run.last_words())
        if not self.over():
            run.witness.fail("END the run is not done after three undisturbed attempts")
        else:
            run.verify()
            run.start(faults.Fault("none"))
            if run.finish_attempt(EXIT_S, "a start of a done run") != 0:
                run.witness.fail("STATUS of a start of a done run is not 0")
        self.close_run()

    def close_run(self):
        witness = self.run.witness
        self.run.close(self.settings.keep)
        self.totals["acks"] += witness.acks
        self.totals["chunks"] += len(witness.chunks)
        self.totals["items"] += witness.inserted()
        self.totals["torn"] += witness.torn
        self.totals["violations"] += len(witness.violations)
        self.run = None

    def report_violations(self):
        for text in self.run.witness.violations:
            print(f"  VIOLATION {text}", flush=True)
        return bool(self.run.witness.violations)

    def one(self):
        """The next kill. True: it went well."""
        fault = faults.draw(self.settings.seed, self.done + 1)
        try:
            struck = self.strike(fault)
            if struck is None or self.over():
                self.end_run_if_alive()
            if struck is None:
                return True
        except Hang as hang:
            self.note_hang(self.run, hang)
            struck = "hang", str(hang)
        label, what = struck
        self.done += 1
        self.in_run += 1
        self.counts[label] += 1
        witness = self.run.witness if self.run else None
        facts = f"{witness.acks} acks, {witness.inserted()} items" if witness else "run done"
        print(f"{self.done:4}/{self.settings.kills} {time.monotonic() - self.began:6.0f} s  {what}"
              f"  [{facts}]", flush=True)
        return True

    @staticmethod
    def note_hang(run, hang):
        path = os.path.join(run.folder, "hang.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{hang}\n{run.job.stacks()}\n")
        run.witness.fail(f"HANG {hang}; where every thread stands: {path}; the last words: "
                         + run.last_words())

    def end_run_if_alive(self):
        if self.run is not None and not self.run.witness.violations:
            self.end_run_checked()

    def end_run_checked(self):
        run = self.run
        try:
            self.end_run()
        except Hang as hang:
            self.note_hang(run, hang)
            self.run = run
        if run.witness.violations:
            self.run = run

    def main(self):
        while self.done < self.settings.kills:
            self.one()
            if self.run is not None and self.report_violations():
                return self.give_up()
            if self.run is not None and self.in_run >= KILLS_A_RUN:
                self.end_run_checked()
                if self.run is not None and self.report_violations():
                    return self.give_up()
        if self.run is not None:
            self.end_run_checked()
            if self.run is not None and self.report_violations():
                return self.give_up()
        self.summary()
        return 0

    def give_up(self):
        folder = self.run.folder
        self.settings.keep = True
        self.close_run()
        self.summary()
        print(f"kept: {folder}\nagain: scripts/chaos.sh --kills {self.settings.kills} --seed "
              f"{self.settings.seed} --durability {self.settings.durability}", flush=True)
        return 1

    def summary(self):
        print(f"{self.done} kills, {self.restarts} starts, {self.runs} runs, "
              f"{time.monotonic() - self.began:.0f} s; slowest start to its first update "
              f"{self.slowest_start:.1f} s")
        print(f"{self.totals['acks']} acknowledged chunks, "
              f"{self.totals['chunks']} chunks and {self.totals['items']} items in the "
              f"logs, {self.totals['torn']} torn tails, {self.totals['violations']} violations")
        for label, count in sorted(self.counts.items()):
            print(f"  {count:4} {label}")
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(prog="scripts/chaos.sh")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--durability", choices=["async", "sync"], default="async")
    parser.add_argument("--keep", action="store_true", help="keep every run's directory")
    parser.add_argument("--json", help="write counts of passed, failed and skipped here")
    parser.add_argument("--build", required=True)
    settings = parser.parse_args()
    settings.root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    settings.build = os.path.abspath(settings.build)
    settings.folder = tempfile.mkdtemp(prefix="stillhouse-chaos-")
    chaos = Chaos(settings)
    try:
        status = chaos.main()
    finally:
        if chaos.run is not None and chaos.run.job is not None:
            chaos.run.close(True)
    if settings.json:
        with open(settings.json, "w", encoding="utf-8") as file:
            json.dump({"passed": 1 - status, "failed": status, "skipped": 0}, file)
    if status == 0 and not settings.keep:
        shutil.rmtree(settings.folder, ignore_errors=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
