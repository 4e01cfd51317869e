"""A real job under mpirun, as a user's script would start it, and its processes."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

RANK = "OMPI_COMM_WORLD_RANK"
MARK = "STILLHOUSE_CHAOS_JOB"


def environment_of(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            pairs = (entry.split(b"=", 1) for entry in file.read().split(b"\0") if b"=" in entry)
            return {key.decode(): value.decode(errors="replace") for key, value in pairs}
    except OSError:
        return {}


def name_of(pid):
    """The program's name; none for one that is gone or waits to be collected."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return None
    return None if text[text.rfind(")") + 2] in "ZX" else text[text.find("(") + 1:text.rfind(")")]


def marked(mark):
    """Live processes whose environment carries our mark: pid -> (program, rank or None)."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        environment = environment_of(entry)
        name = name_of(entry) if environment.get(MARK) == mark else None
        if name:
            rank = environment.get(RANK)
            found[int(entry)] = (name, int(rank) if rank is not None else None)
    return found


def free_ports(count, rng):
    """The first of `count` neighbouring ports that nobody listens on."""
    while True:
        first = rng.randrange(21000, 30000)
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue


class Job:
    """One attempt. `folder` holds what all attempts of a run share."""

    def __init__(self, settings, folder, number):
        self.settings, self.folder, self.number = settings, folder, number
        self.mark = f"{os.getpid()}-{os.path.basename(folder)}-{number}"
        self.log = os.path.join(folder, f"attempt-{number:03}.log")
        self.fired_log = os.path.join(folder, f"attempt-{number:03}.fired")
        self.scratch = f"/dev/shm/stillhouse-chaos-{self.mark}"
        self.process = None
        self.roles = {}  # rank -> role

    def start(self, ranks, overrides, failpoints):
        os.makedirs(self.scratch)
        root = self.settings.root
        environment = dict(os.environ)
        environment.update({
            MARK: self.mark,
            "STILLHOUSE_BUILD": self.settings.build,
            "STILLHOUSE_ACK_LEDGER": os.path.join(self.folder, "acks"),
            "STILLHOUSE_FAILPOINTS": failpoints,
            "STILLHOUSE_FAILPOINTS_LOG": self.fired_log,
            # What a killed mpirun leaves in shared memory is to go with us.
            "OMPI_MCA_orte_tmpdir_base": self.scratch,
            "OMPI_MCA_btl_vader_backing_directory": self.scratch,
        })
        config = [os.path.join(root, "scripts/chaos/job.yaml")]
        for override in overrides:
            config += ["--set", override]
        self.roles = self._plan(ranks, config)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [os.path.join(root, "scripts/launch.sh"), "-n", str(ranks), "train", *config,
                 "--run-dir", os.path.join(self.folder, "run"), "--resume", "auto"],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def _plan(self, ranks, config):
        """What every rank does, as `stillhouse plan` says."""
        text = subprocess.run(
            [os.path.join(self.settings.build, "stillhouse"), "plan", *config, "-n", str(ranks)],
            check=True, capture_output=True, text=True).stdout
        roles = {}
        for line in text.splitlines():
            found = re.match(r"# (\d+) +\S+ +\S+ \S?B +(.*)", line)
            if found:
                roles[int(found[1])] = re.sub(r" \(.*", "", found[2])
        return roles

    def processes(self):
        return marked(self.mark)

    def pids(self, target):
        """Of `rank K`, `workers`, `mpirun` or `everything`."""
        found = self.processes()
        if target == "everything":
            return sorted(found)
        if target == "mpirun":
            return [pid for pid, (name, _) in found.items() if name == "mpirun"]
        if target == "workers":
            return sorted(pid for pid, (name, _) in found.items() if name.startswith("stillhouse-w"))
        rank = int(target.split()[1])
        return [pid for pid, (name, of) in found.items() if of == rank and name == "stillhouse"]

    def signal(self, pids, number):
        sent = 0
        for pid in pids:
            try:
                os.kill(pid, number)
                sent += 1
            except ProcessLookupError:
                pass
        return sent

    def progress(self):
        """The lines of this run's progress.jsonl."""
        lines = []
        try:
            with open(os.path.join(self.folder, "run", "progress.jsonl"), encoding="utf-8") as file:
                for line in file:
                    if line.endswith("\n"):
                        lines.append(json.loads(line))
        except FileNotFoundError:
            pass
        return lines

    def status(self):
        try:
            with open(os.path.join(self.folder, "run", "status.json"), encoding="utf-8") as file:
                return json.load(file)
        except (FileNotFoundError, ValueError):
            return {}

    def over(self):
        """The launcher's exit status, once it has ended."""
        return self.process.poll() if self.process else 0

    def wait_gone(self, limit_s):
        """True: the launcher and every process have ended in time."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if self.over() is not None and not self.processes():
                return True
            time.sleep(0.05)
        return False

    def end(self):
        """Nothing of it stays, whatever state it is in."""
        for _ in range(100):
            pids = self.pids("everything")
            if not pids and self.over() is not None:
                break
            self.signal(pids, signal.SIGKILL)
            self.over()
            time.sleep(0.05)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def fired(self):
        try:
            with open(self.fired_log, encoding="utf-8") as file:
                return [line.split()[:3] for line in file]
        except FileNotFoundError:
            return []

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stacks(self):
        """Where every process stands, as well as this machine can say."""
        lines = []
        for pid, (name, rank) in sorted(self.processes().items()):
            role = self.roles.get(rank, "") if rank is not None else ""
            lines.append(f"-- {pid} {name} {role}")
            for file in ("wchan", "status", "stack"):
                try:
                    with open(f"/proc/{pid}/{file}", encoding="utf-8") as text:
                        lines.append(f"{file}: " + " ".join(text.read().split())[:600])
                except OSError:
                    pass
            if shutil.which("gdb") and name.startswith("stillhouse"):
                trace = subprocess.run(
                    ["timeout", "20", "gdb", "-p", str(pid), "-batch", "-ex",
                     "thread apply all bt 12"], capture_output=True, text=True, check=False).stdout
                lines += [line for line in trace.splitlines() if re.match(r"#|Thread ", line)]
        return "\n".join(lines)
