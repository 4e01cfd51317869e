"""What is done to a job, drawn from the seed. A fault is drawn from (seed, number) alone, so that
what came before, and how long it took, changes nothing."""

import dataclasses
import random

# name -> the hit at which it strikes is drawn from 1 to this
KILL_AT = {
    "segment.append": 600, "segment.append.torn": 600, "segment.appended": 600,
    "segment.create": 12, "segment.created": 12, "segment.sync": 12, "segment.synced": 12,
    "segment.rename": 10, "segment.renamed": 10, "segment.remove": 10, "segment.removed": 10,
    "recovery.segment": 6, "recovery.chunk": 700, "segment.truncate": 1, "segment.truncated": 1,
    "checkpoint.file": 50, "checkpoint.manifest": 8, "checkpoint.rename": 8,
    "checkpoint.renamed": 8, "checkpoint.remove": 8, "checkpoint.removing": 8, "file.torn": 60, "file.rename": 60,
    "reshard.written": 1, "reshard.old_aside": 1, "reshard.renamed": 1, "reshard.synced": 1,
    "net.write.torn": 800, "net.read": 800, "ack.recorded": 500,
}
# These end the run with status 1, resumable.
LOG_ERRORS = ["segment.append.torn=error:ENOSPC@{}+", "segment.append=error:EIO@{}",
              "segment.sync=error:EIO@{}", "segment.create=error:ENOSPC@{}+"]
# These cost a checkpoint, and the run goes on.
CHECKPOINT_ERRORS = ["checkpoint.file=error:ENOSPC@{}", "checkpoint.manifest=error:ENOSPC@{}",
                     "checkpoint.rename=error:EIO@{}"]
SLOW_DISK = ["segment.append=delay:20@%5", "segment.sync=delay:150@%2", "file.rename=delay:30@%3"]

KINDS = {  # kind -> weight
    "kill": 32, "failpoint": 30, "early": 7, "mpirun": 4, "everything": 8, "log-error": 6,
    "checkpoint-error": 3, "worker": 8, "pause": 10, "cut": 7, "preempt": 3, "rot": 2,
}
SURVIVED = ("worker", "pause", "cut", "checkpoint-error")  # the job goes on
ARMED = ("failpoint", "log-error", "checkpoint-error", "cut", "early")  # need a fresh start


@dataclasses.dataclass
class Fault:
    kind: str
    rank: int = 0  # modulo the ranks there are
    failpoints: str = ""
    after_s: float = 0.0  # since the job is at work (early: since its start)
    pause_s: float = 0.0
    ranks: int = 6  # for a start
    workers: int = 1
    shards: int = 2
    slow: str = ""
    learners: int = 1


def draw(seed, number):
    rng = random.Random(f"{seed}/{number}")
    fault = Fault(rng.choices(list(KINDS), list(KINDS.values()))[0])
    fault.rank = rng.randrange(840)
    fault.after_s = rng.uniform(0, 1.2)
    fault.ranks = rng.choice([6, 6, 6, 6, 5, 4, 3, 1])
    fault.workers = rng.choice([1, 1, 2, 3])
    fault.shards = rng.choice([2, 2, 2, 2, 2, 1, 3])
    fault.slow = rng.choice(SLOW_DISK) if rng.random() < 0.12 else ""
    if fault.kind == "failpoint":
        name = rng.choice(list(KILL_AT))
        if name.startswith("reshard."):
            fault.shards = rng.choice([1, 3])
        fault.failpoints = f"{name}=kill@{1 + int(KILL_AT[name] * rng.random() ** 1.5)}"
    elif fault.kind == "log-error":
        fault.failpoints = rng.choice(LOG_ERRORS).format(rng.randrange(1, 12))
    elif fault.kind == "checkpoint-error":
        fault.failpoints = rng.choice(CHECKPOINT_ERRORS).format(rng.randrange(1, 6))
    elif fault.kind == "cut":
        fault.failpoints = (f"net.write.torn=error:ECONNRESET@%{rng.randrange(40, 300)};"
                            f"net.read=error:ECONNRESET@%{rng.randrange(40, 300)}")
    elif fault.kind == "early":
        fault.after_s = rng.uniform(0.05, 2.0)
    elif fault.kind == "pause":
        fault.pause_s = rng.uniform(10.5, 14) if rng.random() < 0.2 else rng.uniform(0.05, 2.5)
    fault.learners = rng.choice([1, 1, 2, 4])  # which share the batches evenly
    if fault.learners > fault.ranks:
        fault.learners = min(2, fault.ranks)
    return fault
