"""A whole job under mpirun, started as scripts/launch.sh does it, and what /proc tells of it: what
cluster_bench and scaling measure with."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BUILD = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
TICKS = os.sysconf("SC_CLK_TCK")


def source_folder():
    with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as file:
        return re.search(r"^CMAKE_HOME_DIRECTORY:\w+=(.*)$", file.read(), re.M).group(1)


SOURCE = source_folder()


# ---- the machine -------------------------------------------------------------------------------

def machine():
    """What it is and how busy it is now, for the conditions of a figure."""
    model = re.search(r"^model name\s*:\s*(.*)$", read("/proc/cpuinfo"), re.M)
    return (f"{model.group(1) if model else 'unknown processor'}, {os.cpu_count()} cores, load "
            f"{os.getloadavg()[0]:.1f}")


def loops_done(processes, seconds=1.5):
    """What so many processes get done together: a loop without memory."""
    code = (f"import time\nend = time.time() + {seconds}\nn = 0\n"
            "while time.time() < end:\n  for _ in range(10000): pass\n  n += 1\nprint(n)")
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
               for _ in range(processes)]
    return sum(int(p.communicate()[0]) for p in running)


def program(name, *arguments, core=None):
    """The figures that a program of bench/ prints, by name; it runs on `core`, or anywhere."""
    def bind():
        if core is not None:
            os.sched_setaffinity(0, {core})

    result = subprocess.run([os.path.join(BUILD, "bench", name), *arguments], check=True,
                            stdout=subprocess.PIPE, text=True, preexec_fn=bind)
    return {f["name"]: f for f in map(json.loads, result.stdout.splitlines())}


# ---- /proc -------------------------------------------------------------------------------------

def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def threads(pid):
    try:
        return [int(tid) for tid in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def thread_seconds(pid):
    """CPU seconds of every thread of a process, by thread id."""
    found = {}
    for tid in threads(pid):
        fields = read(f"/proc/{pid}/task/{tid}/schedstat").split()
        if fields:
            found[tid] = int(fields[0]) / 1e9
    return found


def process_seconds(pid):
    fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def descendants(pid):
    """Ids of all processes below this one."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = read(f"/proc/{entry}/stat").rpartition(")")[2].split()
            if fields:
                parents.setdefault(int(fields[1]), []).append(int(entry))
    found, queue = [], [pid]
    while queue:
        for child in parents.get(queue.pop(), []):
            found.append(child)
            queue.append(child)
    return found


def pin(pid, core):
    for tid in threads(pid):
        try:
            os.sched_setaffinity(tid, {core})
        except OSError:
            pass


# ---- a job -------------------------------------------------------------------------------------

def config_without_students(folder):
    """configs/breakout.yaml less its students."""
    lines, skipping = [], False
    for line in read(os.path.join(SOURCE, "configs/breakout.yaml")).splitlines(keepends=True):
        if re.match(r"\S", line) and not line.startswith("#"):
            skipping = line.startswith("students:")
        if not skipping:
            lines.append(line)
    path = os.path.join(folder, "breakout_alone.yaml")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(lines)
    return path


class Job:
    """One `mpirun ... stillhouse train`. Use as a context; it is ended at the end."""

    def __init__(self, ranks, config=None, settings=(), limit="100000s"):
        self.folder = tempfile.mkdtemp(prefix="stillhouse-bench-")
        self.run = os.path.join(self.folder, "run")
        config = config or os.path.join(SOURCE, "configs/breakout.yaml")
        if config == "alone":
            config = config_without_students(self.folder)
        command = [os.path.join(SOURCE, "scripts/launch.sh"), "-n", str(ranks), "train", config,
                   "--run-dir", self.run, "--quiet", "--set", "monitor.log_every=500ms"]
        if limit:
            command += ["--set", f"stop.time={limit}", "--set", "evaluation.every=100000s"]
        for setting in settings:
            command += ["--set", setting]
        self.command = command
        self.launch([])

    def launch(self, more):
        """Starts it, or starts it again after kill()."""
        command = self.command + more
        self.launched = time.time()
        with open(os.path.join(self.folder, "output"), "wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                start_new_session=True, env={**os.environ, "STILLHOUSE_BUILD": BUILD})

    def kill(self):
        """kill -9 for the launcher, every rank and every worker, as a node's death would have it."""
        for pid in descendants(self.process.pid) + [self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wake_workers()
        self.process.send_signal(signal.SIGTERM)
        # The run ends in order at once; mpirun then waits half a minute because of its status.
        deadline = time.time() + 15
        while (self.process.poll() is None and time.time() < deadline
               and '"running"' in read(os.path.join(self.run, "status.json"))):
            time.sleep(0.05)
        for pid in descendants(self.process.pid) + [self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def progress(self):
        lines = []
        for line in read(os.path.join(self.run, "progress.jsonl")).splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                pass  # half written
        return lines

    def wait_for(self, condition, timeout):
        deadline = time.time() + timeout
        while time.time() < deadline:
            lines = self.progress()
            for line in lines:
                if condition(line):
                    return line
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        output = read(os.path.join(self.folder, "output"))
        raise RuntimeError(f"the job did not come so far in {timeout} s:\n{output[-3000:]}")

    def rank_pids(self):
        """rank -> (role, pid)"""
        ranks = self.progress()[-1]["ranks"]
        return {rank["rank"]: (rank["role"], rank["pid"]) for rank in ranks}

    def pid_of(self, role):
        return next(pid for name, pid in self.rank_pids().values() if role in name)

    def workers(self):
        return [pid for pid in descendants(self.process.pid)
                if "stillhouse-worker" in read(f"/proc/{pid}/cmdline")]

    def wake_workers(self):
        for pid in self.workers():
            os.kill(pid, signal.SIGCONT)

    def window(self, seconds):
        """Progress lines that begin and end a window of about so many seconds from now."""
        first = self.progress()[-1]
        time.sleep(seconds)
        last = self.wait_for(lambda line: line["elapsed_s"] >= first["elapsed_s"] + seconds, 10)
        return first, last


def rate(first, last, field):
    return (last[field] - first[field]) / (last["elapsed_s"] - first["elapsed_s"])


class CpuMeter:
    """CPU seconds of a learner's or student's event loop (its first thread) and of its compute
    thread (the one of the others that works most), since it was made."""

    def __init__(self, pid):
        self.pid = pid
        self.before = thread_seconds(pid)

    def take(self):
        used = {tid: seconds - self.before.get(tid, 0.0)
                for tid, seconds in thread_seconds(self.pid).items()}
        loop = used.pop(self.pid)
        return loop, max(used.values())
