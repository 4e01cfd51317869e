#!/usr/bin/env python3
"""scripts/study_scaling.py: what is made of the lines that bench/scaling.py has measured."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))
from study_scaling import table_of  # noqa: E402


def row(dimension, x, line, value, unit="rows/s"):
    return {"dimension": dimension, "x": str(x), "line": line, "value": str(value), "unit": unit}


class TableTest(unittest.TestCase):
    def test_a_size_is_a_line_with_medians_ranges_and_its_share_of_the_ceiling(self):
        table = table_of([row("batch", 128, "job", 60)]
                         + [row("batch", 32, "job", v) for v in (30, 10, 20)]
                         + [row("batch", 32, "ceiling", 40)])
        self.assertIn("| 32 rows of a batch | 20 (10 to 30) rows/s | 40 | 0.50 |\n"
                      "| 128 rows of a batch | 60 rows/s |  |  |\n", table)

    def test_of_several_lines_the_first_is_held_against_the_ceiling(self):
        table = table_of([row("students", 2, "teacher", 9, "updates/s"),
                          row("students", 2, "each student", 7, "updates/s"),
                          row("students", 2, "ceiling", 10, "updates/s")])
        self.assertIn("| 9 teacher; 7 each student updates/s | 10 | 0.90 |", table)


if __name__ == "__main__":
    unittest.main()
