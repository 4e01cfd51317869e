#!/usr/bin/python3
"""scripts/bench_merge.py: merges figures, says which targets are met, and --compare fails on ratios
that became worse by more than a tenth."""
import json
import os
import stat
import subprocess
import tempfile
import unittest

MERGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts",
                     "bench_merge.py")


def figure(name, value, unit="ratio", higher=True):
    return {"name": name, "value": value, "unit": unit, "higher_is_better": higher,
            "conditions": "made up"}


class BenchMergeTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.results = os.path.join(self.folder.name, "results.json")

    def merge(self, figures, *arguments):
        """Runs it over one program that prints `figures`."""
        programs = os.path.join(self.folder.name, "programs")
        os.makedirs(programs, exist_ok=True)
        path = os.path.join(programs, "replay_bench")
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\ncat <<'END'\n"
                       + "".join(json.dumps(f) + "\n" for f in figures) + "END\n")
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        return subprocess.run(
            ["python3", MERGE, "--programs", programs, "--results", self.results, *arguments],
            capture_output=True, text=True, check=False)

    def earlier(self, *figures):
        path = os.path.join(self.folder.name, "earlier.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(figures, file)
        return path

    def test_keeps_figures_that_were_not_measured_again(self):
        self.merge([figure("replay.a", 1), figure("replay.b", 2)])
        self.merge([figure("replay.b", 3)])
        with open(self.results, encoding="utf-8") as file:
            values = {f["name"]: f["value"] for f in json.load(file)}
        self.assertEqual(values, {"replay.a": 1, "replay.b": 3})

    def test_says_whether_a_target_is_met(self):
        table = self.merge([figure("replay.sample_vs_gather", 0.71),
                            figure("replay.insert_fraction", 0.79),
                            figure("replay.transport_fraction", 0.2)]).stdout.splitlines()
        self.assertTrue(any("sample_vs_gather" in row and row.endswith(" met") for row in table))
        self.assertTrue(any("insert_fraction" in row and row.endswith(" MISSED") for row in table))
        self.assertTrue(any("transport_fraction" in row and row.endswith("by more than half")
                            for row in table))

    def test_a_ratio_that_fell_by_more_than_a_tenth_fails(self):
        earlier = self.earlier(figure("replay.a", 1.0), figure("replay.b", 1.0, higher=False))
        result = self.merge([figure("replay.a", 0.91), figure("replay.b", 1.09, higher=False)],
                            "--compare", earlier)
        self.assertEqual(result.returncode, 0, result.stderr)
        result = self.merge([figure("replay.a", 0.89), figure("replay.b", 1.09, higher=False)],
                            "--compare", earlier)
        self.assertEqual(result.returncode, 1)
        self.assertIn("replay.a: 1 -> 0.89 (11% worse)", result.stderr)
        self.assertNotIn("replay.b", result.stderr)
        result = self.merge([figure("replay.b", 1.11, higher=False)], "--compare", earlier)
        self.assertEqual(result.returncode, 1)
        self.assertIn("replay.b: 1 -> 1.11", result.stderr)

    def test_other_figures_and_new_ones_are_not_compared(self):
        earlier = self.earlier(figure("replay.rate", 100, "updates/s"))
        result = self.merge([figure("replay.rate", 10, "updates/s"), figure("replay.new", 1)],
                            "--compare", earlier)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_compares_with_the_results_that_it_is_about_to_replace(self):
        self.merge([figure("replay.a", 1.0)])
        result = self.merge([figure("replay.a", 0.5)], "--compare", self.results)
        self.assertEqual(result.returncode, 1)

    def test_a_file_that_cannot_be_compared_with_is_named_before_anything_runs(self):
        result = self.merge([figure("replay.a", 1)], "--compare", "/no/such/file")
        self.assertEqual(result.returncode, 2)
        self.assertIn("/no/such/file", result.stderr)
        self.assertFalse(os.path.exists(self.results))


if __name__ == "__main__":
    unittest.main()
