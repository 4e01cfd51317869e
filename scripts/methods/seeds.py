"""What a method's seeds say against its control's."""
import itertools
import random

EXACT_UP_TO = 6  # 6^6 samples with replacement can still all be looked at
DRAWN = 20000


def mean(values):
    return sum(values) / len(values)


def percentile(values, q):
    """Linear interpolation at q / 100 * (n - 1) of the sorted values, as stats/README.md says."""
    ordered = sorted(values)
    position = q / 100 * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


def interval_of_mean(values):
    """Percentile bootstrap, 95 %, over seeds: of all samples with replacement where they are few."""
    if len(values) <= EXACT_UP_TO:
        means = [mean(sample) for sample in itertools.product(values, repeat=len(values))]
    else:
        generator = random.Random(1)
        means = [mean(generator.choices(values, k=len(values))) for _ in range(DRAWN)]
    return percentile(means, 2.5), percentile(means, 97.5)


def verdict(differences, better):
    """differences: method less control, one a seed."""
    signed = differences if better == "higher" else [-d for d in differences]
    low, high = interval_of_mean(signed)
    if low > 0:
        return "beats its control"
    return "below its control" if high < 0 else "level with its control"
