"""The table of docs/methods.md, made of docs/results/methods.csv."""
import os

from document import write_between
from preset import conditions_of
from seeds import interval_of_mean, mean, verdict

BEGIN = "<!-- methods: this table is written by scripts/methods.sh -->"
END = "<!-- methods: end -->"
HEAD = ("| row | preset | it shows | figure: mean (of seeds) | control: mean | seeds | difference "
        "[95 %] | verdict |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")


def short(value):
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def name_of(measure):
    """'models.small.retention' -> 'retention of small'."""
    parts = measure.split(".")
    if parts[0] == "models" and len(parts) > 2:
        return f"{'.'.join(parts[2:])} of {parts[1]}"
    return measure


def latest(rows, preset, conditions):
    """The rows of a preset as it stands now, one a seed."""
    found = {row["seed"]: row for row in rows
             if row["preset"] == preset.name and row["conditions"] == conditions}
    return [found[seed] for seed in sorted(found, key=int)]


def heldout_words(rows):
    pairs = [(float(r["heldout_first"]), float(r["heldout_last"])) for r in rows
             if r["heldout_first"] and r["heldout_last"]]
    if not pairs:
        return ""
    first, last = mean([p[0] for p in pairs]), mean([p[1] for p in pairs])
    return f"; {name_of(rows[0]['heldout'])} on held-out states {short(first)} → {short(last)}"


def also_words(rows):
    """The means over seeds of what stands in the column `also`."""
    sums = {}
    for row in rows:
        for part in row["also"].split("; ") if row["also"] else []:
            path, _, value = part.partition("=")
            sums.setdefault(path, []).append(float(value))
    return "".join(f"; {name_of(path)}: {short(mean(values))}" for path, values in sums.items())


def row_of(preset, rows):
    figures = [float(row["figure"]) for row in rows]
    controls = [float(row["control"]) for row in rows]
    differences = [f - c for f, c in zip(figures, controls)]
    low, high = interval_of_mean(differences)
    says = verdict(differences, preset.better)
    if not says.startswith("beats"):
        says += heldout_words(rows)
    if any(row["teacher_qualified"] == "False" for row in rows):
        says += "; the teacher is no better than random on some seed"
    seeds = " ".join(short(f) for f in figures)
    return (f"| {preset.row} | `{preset.name}` | {preset.shows} | {name_of(rows[0]['measure'])}: "
            f"**{short(mean(figures))}** ({seeds}){also_words(rows)} | {preset.control_is}: {short(mean(controls))} | "
            f"{len(rows)} | {short(mean(differences))} [{short(low)}, {short(high)}] | {says} |\n")


def write_table(root, presets, rows):
    """Puts the rows whose seeds are all there between the marks of docs/methods.md."""
    text = HEAD
    for preset in presets:
        own = latest(rows, preset, conditions_of(preset, root))
        if len(own) >= preset.seeds:
            text += row_of(preset, own)
    write_between(os.path.join(root, "docs", "methods.md"), BEGIN, END, text)
