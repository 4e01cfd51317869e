"""Results as CSV files, a line for each thing measured, to which several shells may add."""
import csv
import fcntl
import os


def read_rows(path):
    """Nothing where there is no file yet."""
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def add_rows(path, columns, rows):
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "a+", newline="") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        file.seek(0, os.SEEK_END)
        if file.tell() == 0:
            writer.writeheader()
        writer.writerows(rows)
