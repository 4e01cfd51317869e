"""One run directory and what happens to it: starts, faults, checks."""

import glob
import json
import os
import random
import shutil
import signal
import subprocess
import time

from job import MARK, Job, free_ports, marked
from witness import Witness

READY_S = 60  # from a start to its first update, or its end
EXIT_S = 25  # from a deadly fault to the end of every process
PREEMPT_S = 40
DONE_S = 120
CAPACITY, CHUNK_STEPS = 8192, 8  # job.yaml
MOST_SHARDS = 3


class Hang(Exception):
    pass


class Run:
    def __init__(self, settings, number):
        self.settings = settings
        self.folder = os.path.join(settings.folder, f"run-{number:02}")
        for name in ("acks", "archive"):
            os.makedirs(os.path.join(self.folder, name))
        self.run_dir = os.path.join(self.folder, "run")
        self.witness = Witness(self.run_dir, os.path.join(self.folder, "acks"),
                               os.path.join(self.folder, "archive"), CAPACITY, CHUNK_STEPS)
        rng = random.Random(f"{settings.seed}/run/{number}")
        # Workers from outside the job live through its restarts: by address, or by directory.
        self.elastic = rng.choice(["addresses", "directory", "none"])
        self.port = free_ports(MOST_SHARDS, rng)
        self.actor = None
        self.shards = 2  # of the newest start
        self.attempts = 0
        self.job = None
        self.started = 0.0  # Unix seconds
        self.finite = False  # an attempt so far was to end by itself
        self.expected = None  # updates of the checkpoint to go on from
        self.inserted = 0
        self.resumed_checked = False
        self.armed = set()  # names of the failpoints of this attempt
        self.rotten = False  # we have damaged a checkpoint since the last start

    # ---- starting --------------------------------------------------------------------------

    def start(self, fault, failpoints="", stop_after=None):
        self.attempts += 1
        overrides = [f"replay.durability={self.settings.durability}", "actors.hosts=1",
                     f"actors.workers={fault.workers}"]
        overrides.append(f"replay.shards={fault.shards}")
        overrides.append(f"teacher.learners={fault.learners}")
        if fault.shards != self.shards and self.elastic == "addresses":
            self.end_actor()  # its addresses are others now
        self.shards = fault.shards
        if self.elastic == "addresses":
            overrides.append(f"actors.listen=127.0.0.1:{self.port}")
        if stop_after is not None:
            self.finite = True
            overrides.append(f"stop.updates={(self.expected or 0) + stop_after}")
        self.armed = {part.split("=")[0] for part in failpoints.split(";") if part}
        armed = ";".join(part for part in (failpoints, fault.slow) if part)
        whole, broken = self.witness.checkpoints()
        if broken and not self.rotten:
            self.witness.fail(f"CHECKPOINT {broken} under {self.run_dir}/checkpoints: not whole")
        self.expected = whole[0] if whole else None
        self.inserted = self.witness.inserted()
        self.resumed_checked = False
        self.started = time.time()
        self.job = Job(self.settings, self.folder, self.attempts)
        self.job.start(min(fault.ranks, 3 + fault.learners + fault.shards), overrides, armed)

    def lines(self):
        """Of progress.jsonl, since this attempt began."""
        return [line for line in self.job.progress() if line["time"] >= self.started]

    def updates(self):
        lines = self.lines()
        return lines[-1]["updates"] if lines else None

    def wait_ready(self):
        """True: it trains (or, near its end, reports). False: it has ended."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            updates = self.updates()
            if updates is not None and (self.finite or updates > (self.expected or 0)):
                self.check_resumption()
                self.start_actor()
                return True
            if self.job.over() is not None:
                return False
            time.sleep(0.03)
        raise Hang(f"no update {READY_S} s after the start")

    def wait_progress(self, what):
        before = self.updates() or 0
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self.job.over() is not None:
                return False
            if (self.updates() or 0) > before or self.finite:
                return True
            time.sleep(0.05)
        raise Hang(f"no update {READY_S} s after {what}")

    def check_resumption(self):
        """What the log says of the resume is what the disk held."""
        if self.resumed_checked:
            return
        self.resumed_checked = True
        found = [line for line in self.lines() if "resumed_from_updates" in line]
        if self.expected is None:
            if found and found[0]["resumed_from_updates"] != 0:
                self.witness.fail("COUNTERS it resumed from a checkpoint that is not there: "
                                  f"{found[0]['resumed_from_updates']}")
            if not found:
                return  # the first attempt
        elif not found:
            self.witness.fail(f"COUNTERS it did not resume from {self.expected} updates")
            return
        elif found[0]["resumed_from_updates"] != self.expected:
            self.witness.fail(f"COUNTERS resumed from {found[0]['resumed_from_updates']} updates, "
                              f"the newest whole checkpoint has {self.expected}")
        if found[0]["frames"] != self.inserted:
            self.witness.fail(f"COUNTERS {found[0]['frames']} frames after the resume, the logs "
                              f"hold {self.inserted} inserts")

    def somebody_plays(self):
        """An actor host lives, or workers from outside do."""
        hosts = [rank for rank, role in self.job.roles.items() if "actor host" in role]
        return (self.actor is not None and self.actor.poll() is None) or any(
            self.job.pids(f"rank {rank}") for rank in hosts)

    def struck(self):
        """An armed failpoint was hit."""
        return any(name in self.armed for name, _, _ in self.job.fired())

    def shard_ports(self):
        try:
            with open(os.path.join(self.run_dir, "endpoints.json"), encoding="utf-8") as file:
                return [int(shard.rsplit(":", 1)[1]) for shard in json.load(file)["shards"]]
        except (OSError, ValueError):
            return []

    # ---- workers from outside ---------------------------------------------------------------

    def start_actor(self):
        if self.elastic == "none" or (self.actor and self.actor.poll() is None):
            return
        environment = dict(os.environ)
        environment[MARK] = self.actor_mark()
        environment["STILLHOUSE_ACK_LEDGER"] = os.path.join(self.folder, "acks")
        connect = self.run_dir
        if self.elastic == "addresses":
            connect = ",".join(f"127.0.0.1:{self.port + i}" for i in range(self.shards))
            with open(os.path.join(self.run_dir, "token"), encoding="utf-8") as file:
                environment["STILLHOUSE_TOKEN"] = file.read().strip()
        with open(os.path.join(self.folder, "actor.log"), "ab") as log:
            self.actor = subprocess.Popen(
                [os.path.join(self.settings.build, "stillhouse"), "actor", "--connect", connect],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def actor_mark(self):
        return f"{os.getpid()}-{os.path.basename(self.folder)}-actor"

    def end_actor(self):
        if not self.actor:
            return
        for pid in marked(self.actor_mark()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.actor.wait()
        self.actor = None
        with open(os.path.join(self.folder, "actor.log"), encoding="utf-8") as file:
            for line in file:
                if "the job was started again" in line:
                    self.witness.fail(f"LOST {line.strip()}")

    # ---- ending and checking ----------------------------------------------------------------

    def finish_attempt(self, limit_s, what):
        """The job is to end by itself now. Returns the launcher's status."""
        if not self.job.wait_gone(limit_s):
            left = {pid: name for pid, (name, _) in self.job.processes().items()}
            raise Hang(f"{what}: not over after {limit_s} s; left: {left}")
        status = self.job.over()
        if status == 2 and not self.dealing_failed():
            self.witness.fail("REFUSED the job ended with status 2: " + self.last_words())
        if self.lines():
            self.check_resumption()
        self.job.end()
        self.check()
        return status

    def check(self):
        text = self.job.log_text()
        for word in ("set aside", "left out", "SH_CHECK", "Process received signal", "damaged"):
            if word in text and not self.rotten:
                line = next(line for line in text.splitlines() if word in line)
                self.witness.fail(f"NOTE {line}")
        if "is passed over" in text and not self.rotten:
            self.witness.fail("NOTE a checkpoint is passed over: a kill alone never damages one")
        self.rotten = False
        self.witness.check()

    def rot_checkpoint(self):
        """Damages the newest checkpoint, when there is another one to fall back to."""
        whole, _ = self.witness.checkpoints()
        if len(whole) < 2:
            return False
        path = os.path.join(self.run_dir, "checkpoints", str(whole[0]), "teacher.state")
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 0x10]))
        self.rotten = True
        return True

    def dealing_failed(self):
        """The disk said no while the old store was dealt out to other shards: nothing has begun
        then, and nothing is changed."""
        return "/replay.new/" in self.last_words()

    def says_who_died(self):
        """status.json has the run failed for a death."""
        try:
            with open(os.path.join(self.run_dir, "status.json"), encoding="utf-8") as file:
                told = json.load(file)
        except (OSError, ValueError):
            return False
        return told.get("status") == "failed" and " died" in told.get("reason", "")

    def last_words(self):
        lines = [line for line in self.job.log_text().splitlines() if line.strip()]
        return " | ".join(lines[-3:])

    def verify(self):
        """The program's own opinion of its log."""
        done = subprocess.run(
            [os.path.join(self.settings.build, "stillhouse"), "replay", "verify", self.run_dir],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.witness.fail("VERIFY " + (done.stdout + done.stderr).strip())

    def close(self, keep):
        if self.job:
            self.job.end()
        self.end_actor()
        self.witness.archive.close()
        if not keep and not self.witness.violations:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif keep:
            for path in glob.glob(os.path.join(self.folder, "core*")):
                os.unlink(path)
