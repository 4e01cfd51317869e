"""Presets of configs/methods/: what they measure, as the lines `#: key: value` at their top say.

row           the row of docs/methods.md; default: the file's name before its first '-'
shows         what the row shows, one sentence
measure       where the figure is in scoreboard.json, with dots, or progress. and a field of the last
              line of progress.jsonl; default: the return of the first student, or of the teacher
              where there are no students
control       the same of the control; default: random_return
control_is    the control in words
control_set   key=value; key=value: the control is a run of its own with these changes (its figure is
              `control`, or `measure` where that is not given)
better        higher (default) or lower
seeds         how many; default 3
heldout       a loss on states that no training has seen, shown to fall; default: the KL of the measured
              student on the teacher's evaluation episodes; none: there is no such thing
also          further figures of the same run, shown beside it: PATH; PATH
curve         yes: every model of each run is a line of docs/results/size_curve.csv
command       train (default) or distill
ranks         under mpirun with so many ranks; default: one process
after         PRESET=KEY,KEY; PRESET (key=value; key=value)=KEY: those presets' runs are made first,
              with the same seed and with the settings in brackets on top of what they say, and each KEY
              of this configuration is set to the directory of its run
quick_set     key=value; key=value: on top of what --quick sets
cycle         settings | settings | ...: seed 1 runs with the first, seed 2 with the second, and round
              again; what stands in the file is overruled
"""
import os
import re
import zlib

KEYS = {"row", "shows", "measure", "control", "control_is", "control_set", "better", "seeds",
        "heldout", "also", "curve", "command", "ranks", "after", "quick_set", "cycle"}


class Before:
    """A run that is made first: of which preset, with what on top, and the keys that want it."""

    def __init__(self, preset, settings, keys):
        self.preset, self.settings, self.keys = preset, settings, keys

    def keys_set(self, directory):
        return [f"{key}={directory}" for key in self.keys]


class PresetError(Exception):
    """A preset that cannot be understood; says which and why."""


def settings_of(text):
    """'a=1; b=[1, 2]' -> ['a=1', 'b=[1, 2]']; a semicolon is in no value of ours."""
    return [part.strip() for part in text.split(";") if part.strip()]


class Preset:
    def __init__(self, path):
        self.path = path
        self.name = os.path.splitext(os.path.basename(path))[0]
        head = self._read_head()
        self.row = head.get("row", self.name.split("-")[0])
        self.shows = head.get("shows", "")
        self.measure = head.get("measure")
        self.control_set = settings_of(head.get("control_set", ""))
        self.control = head.get("control")
        self.control_is = head.get("control_is", "random play" if not self.control else self.control)
        self.better = head.get("better", "higher")
        self.command = head.get("command", "train")
        self.curve = head.get("curve", "no") == "yes"
        self.quick_set = settings_of(head.get("quick_set", ""))
        self.cycle = [settings_of(case) for case in head.get("cycle", "").split("|")]
        self.heldout = head.get("heldout")
        self.also = settings_of(head.get("also", ""))
        self.ranks = self._number("ranks", head.get("ranks", "0"))
        self.after = self._runs_before(head.get("after", ""))
        self.seeds = self._number("seeds", head.get("seeds", "3"))
        if head.get("curve", "no") not in ("yes", "no"):
            self._fail(f"curve: '{head['curve']}', expected yes or no")
        if self.better not in ("higher", "lower"):
            self._fail(f"better: '{self.better}', expected higher or lower")
        if self.command not in ("train", "distill"):
            self._fail(f"command: '{self.command}', expected train or distill")

    def _fail(self, why):
        raise PresetError(f"{self.path}: {why}")

    def _runs_before(self, text):
        runs = []
        # A semicolon in brackets parts settings, outside of them runs.
        for part in re.findall(r"(?:\([^()]*\)|[^;()])+", text) if text.strip() else []:
            match = re.fullmatch(r"\s*([\w-]+)\s*(?:\(([^()]*)\))?\s*=([^()]*)", part)
            keys = [key.strip() for key in match.group(3).split(",")] if match else []
            if not match or not all(keys):
                self._fail(f"after: '{part.strip()}', expected PRESET=KEY or PRESET (key=value)=KEY")
            runs.append(Before(match.group(1), settings_of(match.group(2) or ""), keys))
        if text.count("(") != text.count(")"):
            self._fail(f"after: '{text}', a bracket is open")
        return runs

    def _number(self, key, text):
        if not text.isdigit() or (key == "seeds" and int(text) < 1):
            self._fail(f"{key}: '{text}', expected a whole number")
        return int(text)

    def _read_head(self):
        head = {}
        with open(self.path) as file:
            for number, line in enumerate(file, 1):
                match = re.match(r"#: (\w+): *(.*)$", line.rstrip())
                if line.startswith("#:") and not match:
                    self._fail(f"line {number}: expected '#: key: value'")
                if not match:
                    continue
                key, value = match.groups()
                if key not in KEYS:
                    self._fail(f"line {number}: unknown key '{key}'; there are "
                               f"{', '.join(sorted(KEYS))}")
                if key in head:
                    self._fail(f"line {number}: '{key}' again")
                head[key] = value
        return head

    def of_seed(self, seed):
        """The settings of this seed, counted from 1."""
        return self.cycle[(seed - 1) % len(self.cycle)]

    def complete(self, board):
        """Fills what the head leaves to defaults from the models that a run has had."""
        students = [name for name, model in board["models"].items() if model["kind"] == "student"]
        if self.measure is None:
            self.measure = f"models.{students[0] if students else 'teacher'}.return_mean"
        if self.control is None:
            self.control = self.measure if self.control_set else "random_return"
        if self.heldout is None:
            model = self.measured_model()
            self.heldout = f"models.{model}.kl" if model in students else "none"

    def measured_model(self):
        parts = (self.measure or "").split(".")
        return parts[1] if parts[0] == "models" and len(parts) > 1 else None


def find_presets(root, wanted):
    """Presets of the rows or names in `wanted` (all, when it is empty), by row and name."""
    folder = os.path.join(root, "configs", "methods")
    presets = [Preset(os.path.join(folder, file)) for file in os.listdir(folder)
               if file.endswith(".yaml")]
    presets.sort(key=lambda p: (re.sub(r"\d+", lambda n: f"{int(n[0]):03}", p.row), p.name))
    unknown = [word for word in wanted if not any(word in (p.row, p.name) for p in presets)]
    if unknown:
        raise PresetError(f"no preset of {', '.join(unknown)}; there are "
                          f"{', '.join(p.name for p in presets)}")
    return [p for p in presets if not wanted or p.row in wanted or p.name in wanted]


def figure_at(board, path):
    """The number at 'models.small.kl'; PresetError where there is none."""
    value = board
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            raise PresetError(f"scoreboard.json has no '{path}'")
        value = value[part]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PresetError(f"'{path}' of scoreboard.json is no number")
    return float(value)


def _content(path):
    """A file's text, comments and blank lines left out, and that of the files it includes."""
    with open(path) as file:
        lines = [re.sub(r"(^| )#.*$", "", line.rstrip()).rstrip() for line in file]
    text = [line for line in lines if line]
    for line in list(text):
        match = re.match(r"include: *\[?([^\]]*)\]?$", line)
        for name in match.group(1).split(",") if match else []:
            text += _content(os.path.join(os.path.dirname(path), name.strip().strip("'\"")))
    return text


def conditions_of(preset, root, settings=()):
    """A number that changes with whatever a preset says: figures of another one are not its own.
    settings: on top of it."""
    text = _content(preset.path) + preset.control_set
    text += [preset.measure or "", preset.control or "", preset.command]
    text += [setting for case in preset.cycle for setting in case]
    text += settings
    for before in preset.after:
        source = find_presets(root, [before.preset])[0]
        text.append(conditions_of(source, root, before.settings))
        # Of a single run as it has always been counted.
        text += before.keys if len(preset.after) > 1 else []
    return f"{zlib.crc32(chr(10).join(text).encode()):08x}"
