#!/usr/bin/python3
"""scripts/study_memory.py: what it says of growth."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))
import study_memory  # noqa: E402


class GrowthTest(unittest.TestCase):
    def test_the_slope_of_a_line_is_found(self):
        points = [(float(second), 5 + second / 100) for second in range(0, 600, 10)]
        self.assertAlmostEqual(study_memory.slope(points), 0.01)

    def test_two_looks_at_the_same_moment_have_no_slope(self):
        self.assertEqual(study_memory.slope([(3.0, 1.0), (3.0, 9.0)]), 0)
        self.assertEqual(study_memory.slope([]), 0)

    def test_what_happens_before_the_job_has_settled_does_not_count(self):
        rows = [(float(second), "rank 0", 10.0 if second < 100 else 50.0)
                for second in range(0, 610, 10)]
        self.assertEqual(study_memory.summary(rows), [["rank 0", 50.0, 50.0, 0.0]])

    def test_processes_are_kept_apart(self):
        rows = [(600.0, "worker", 7.0), (600.0, "rank 1", 100.0)]
        self.assertEqual([row[0] for row in study_memory.summary(rows)], ["rank 1", "worker"])

    def test_this_process_has_memory_and_a_missing_one_has_none(self):
        self.assertGreater(study_memory.memory_mib(os.getpid()), 1)
        self.assertIsNone(study_memory.memory_mib(2**22 + 1))


if __name__ == "__main__":
    unittest.main()
