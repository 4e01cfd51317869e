#!/usr/bin/env python3
"""Writes the synthetic tables of configs/methods/E7-*.yaml: recommendation and sensor data.

usage: make_bandit_data.py FOLDER

recommendation.csv  users with five interests; what a click on each of six items pays, in columns
                    reward:ITEM. The best item depends on two interests at once.
sensor.csv          eight readings of a machine (vibration in three bands, temperatures, current,
                    pressure) and its state, in the column label.
The same bytes on every machine: the generator is written out here.
"""
import math
import pathlib
import sys


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return ((z ^ (z >> 31)) >> 11) / 2**53

    def normal(self):
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())


def write(path, header, rows):
    lines = [",".join(header)]
    lines += [",".join(v if isinstance(v, str) else f"{v:.4f}" for v in row) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def recommendation(rows=2000):
    random = Random(7)
    items = ["news", "sport", "film", "book", "game", "music"]
    # What an item is about: two interests whose product draws a user to it.
    about = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (0, 2)]
    sign = [1, -1, 1, -1, 1, -1]
    table = []
    for _ in range(rows):
        user = [random.normal() for _ in range(5)]
        pays = []
        for (a, b), s in zip(about, sign):
            draw = 1 / (1 + math.exp(-1.5 * (s * user[a] * user[b] + 0.5 * user[a])))
            pays.append(max(0.0, min(1.0, draw + 0.05 * random.normal())))
        table.append(user + pays)
    header = ["age", "evenings", "travel", "screen", "budget"] + ["reward:" + i for i in items]
    return header, table


def sensor(rows=2000):
    random = Random(11)
    # Mean readings of each state; the scatter is such that some rows cannot be told.
    states = {
        "healthy": [1.0, 1.0, 1.0, 60, 40, 5.0, 3.0, 50.0],
        "imbalance": [2.2, 1.1, 1.0, 62, 40, 5.3, 3.0, 49.0],
        "bearing": [1.1, 1.3, 2.4, 68, 41, 5.2, 3.0, 50.0],
        "overload": [1.4, 1.4, 1.3, 75, 44, 7.0, 2.8, 45.0],
        "leak": [1.0, 1.1, 1.1, 61, 40, 5.0, 2.2, 50.0],
    }
    scatter = [0.5, 0.25, 0.5, 5.0, 2.0, 0.7, 0.3, 2.5]
    names = list(states)
    table = []
    for _ in range(rows):
        state = names[int(random.uniform() * len(names))]
        load = random.normal()  # common to temperature and current
        row = [m + s * random.normal() for m, s in zip(states[state], scatter)]
        row[3] += 2 * load
        row[5] += 0.4 * load
        table.append(row + [state])
    header = ["low", "middle", "high", "bearing_t", "case_t", "current", "pressure", "speed", "label"]
    return header, table


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "recommendation.csv", *recommendation())
    write(folder / "sensor.csv", *sensor())


if __name__ == "__main__":
    main()
