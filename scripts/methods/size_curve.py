"""What students of several sizes keep of their teacher's return: docs/results/size_curve.csv, a line
for every model of every finished run of a preset that says `curve: yes`, and the table that
docs/methods.md makes of it."""
import itertools
import math
import os
import random
import time

from document import write_between
from rows import add_rows, read_rows
from seeds import mean, percentile

BEGIN = "<!-- size curve: this table is written by scripts/methods.sh -->"
END = "<!-- size curve: end -->"
EXACT_UP_TO = 20000
COLUMNS = ["preset", "environment", "seed", "model", "kind", "parameters", "share", "macs",
           "latency_us", "return_mean", "return_iqm", "retention", "agreement", "regret",
           "conditions", "date"]


def path_of(root):
    return os.path.join(root, "docs", "results", "size_curve.csv")


def add(root, preset, seed, conditions, board):
    """Lines for the models of one run, once."""
    if any(row["preset"] == preset.name and row["seed"] == str(seed)
           and row["conditions"] == conditions for row in read_rows(path_of(root))):
        return
    whole = board["models"]["teacher"]["parameters"]
    rows = []
    for name, model in board["models"].items():
        own = model["fidelity"]["own_states"]
        rows.append({
            "preset": preset.name, "environment": preset.name.split("-", 1)[1], "seed": seed,
            "model": name, "kind": model["kind"], "parameters": model["parameters"],
            "share": f"{model['parameters'] / whole:.4f}", "macs": model["macs"],
            "latency_us": f"{model['latency_us']:.3g}", "return_mean": f"{model['return_mean']:.6g}",
            "return_iqm": f"{model['return_iqm']:.6g}", "retention": f"{model['retention']:.5g}",
            "agreement": f"{own['agreement']:.4g}", "regret": f"{own['regret']:.4g}",
            "conditions": conditions, "date": time.strftime("%Y-%m-%d", time.gmtime())})
    add_rows(path_of(root), COLUMNS, rows)


def interquartile_mean(values):
    """All sorted, n / 4 rounded down dropped at each end (tests/conformance/stats/README.md)."""
    ordered = sorted(values)
    cut = len(ordered) // 4
    return mean(ordered[cut:len(ordered) - cut])


def stratified_interval(groups):
    """Percentile bootstrap, 95 %, of the interquartile mean; each group (a game's seeds) is drawn from
    as often as it has members. Of few seeds all samples are looked at."""
    sizes = [len(group) ** len(group) for group in groups]
    if math.prod(sizes) <= EXACT_UP_TO:
        samples = itertools.product(*[itertools.product(group, repeat=len(group))
                                      for group in groups])
    else:
        generator = random.Random(1)
        samples = ([generator.choices(group, k=len(group)) for group in groups]
                   for _ in range(EXACT_UP_TO))
    values = [interquartile_mean([v for part in sample for v in part]) for sample in samples]
    return percentile(values, 2.5), percentile(values, 97.5)


def table_of(rows):
    """`rows`: those of the presets as they stand now."""
    environments = sorted({row["environment"] for row in rows})
    sizes = {}
    for row in rows:
        sizes.setdefault(row["model"], []).append(row)
    text = ("| model (parameters, share) | " + " | ".join(environments)
            + " | interquartile mean [95 %] |\n| --- |" + " --- |" * (len(environments) + 1) + "\n")
    for model, own in sorted(sizes.items(), key=lambda item: -int(item[1][0]["parameters"])):
        teacher = own[0]["kind"] == "teacher"
        shares = sorted(100 * float(row["share"]) for row in own)
        sized = sorted({int(row["parameters"]) for row in own})
        words = f"{sized[0]} to {sized[-1]}" if len(sized) > 1 else f"{sized[0]}"
        text += f"| {model} ({words}" + ("" if teacher else f", {mean(shares):.1f} %") + ")"
        groups = []
        for environment in environments:
            seeds = [row for row in own if row["environment"] == environment]
            kept = [float(row["retention"]) for row in seeds]
            groups.append(kept)
            returns = " ".join(f"{float(row['return_mean']):.3g}" for row in seeds)
            if teacher:
                text += f" | returns {returns}"
                continue
            text += (f" | **{mean(kept):.3f}** ({' '.join(f'{k:.2f}' for k in kept)}); agreement "
                     f"{mean([float(r['agreement']) for r in seeds]):.2f}, regret "
                     f"{mean([float(r['regret']) for r in seeds]):.2f}")
        if teacher:
            text += " | |\n"
            continue
        low, high = stratified_interval(groups)
        every = [k for group in groups for k in group]
        text += f" | **{interquartile_mean(every):.3f}** [{low:.3f}, {high:.3f}] |\n"
    return text


def write_table(root, current):
    """current: {preset: conditions} of the presets as they stand now."""
    rows = [row for row in read_rows(path_of(root))
            if current.get(row["preset"]) == row["conditions"]]
    write_between(os.path.join(root, "docs", "methods.md"), BEGIN, END,
                  table_of(rows) if rows else "")
