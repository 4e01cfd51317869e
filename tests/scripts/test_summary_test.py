#!/usr/bin/python3
"""scripts/test_summary.py: counts results of ctest; whole processes may fail once, unit tests never."""
import os
import subprocess
import tempfile
import unittest

SUMMARY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts",
                       "test_summary.py")


def junit(**outcomes):
    cases = "".join(
        f'<testcase name="{name}" status="{"run" if passed else "fail"}">'
        + ("" if passed else '<failure message="no"/>')
        + f"<system-out>{name} said so</system-out></testcase>"
        for name, passed in outcomes.items())
    return f"<testsuite>{cases}</testsuite>"


class TestSummaryTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.write("CTestTestfile.cmake", "".join(
            f'add_test({name} "true")\nset_tests_properties({name} PROPERTIES LABELS "{label}")\n'
            for name, label in {"Wiring.A/1": "system", "Wiring.B": "mpi", "Pure.C": "unit"}.items()))

    def write(self, name, text):
        with open(os.path.join(self.folder.name, name), "w", encoding="utf-8") as file:
            file.write(text)

    def summary(self, *arguments):
        return subprocess.run(
            ["python3", SUMMARY, "--build", self.folder.name, *arguments,
             os.path.join(self.folder.name, "test-results.xml")],
            capture_output=True, text=True, check=False)

    def test_whole_processes_that_failed_deserve_a_second_run_and_unit_tests_do_not(self):
        self.write("test-results.xml", junit(**{"Wiring.A/1": False, "Wiring.B": True,
                                                "Pure.C": False}))
        self.assertEqual(self.summary("--run-again").stdout.strip(), "^(Wiring\\.A/1)$")

    def test_many_failures_are_not_the_machines(self):
        self.write("test-results.xml", junit(**{"Wiring.A/1": False},
                                             **{f"Pure.C{i}": False for i in range(5)}))
        self.assertEqual(self.summary("--run-again").stdout.strip(), "")

    def test_what_passes_the_second_time_counts_as_passed_and_is_named(self):
        self.write("test-results.xml", junit(**{"Wiring.A/1": False, "Wiring.B": True}))
        self.write("test-results-again.xml", junit(**{"Wiring.A/1": True}))
        result = self.summary()
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn("2 passed, 0 failed", result.stdout)
        self.assertIn("FAILED, then passed alone: Wiring.A/1\nWiring.A/1 said so", result.stdout)

    def test_what_fails_twice_has_failed(self):
        self.write("test-results.xml", junit(**{"Wiring.A/1": False, "Wiring.B": True}))
        self.write("test-results-again.xml", junit(**{"Wiring.A/1": False}))
        result = self.summary()
        self.assertEqual(result.returncode, 1)
        self.assertIn("1 passed, 1 failed", result.stdout)

    def test_without_results_nothing_has_passed(self):
        result = self.summary()
        self.assertEqual(result.returncode, 1)
        self.assertIn("no test has run", result.stdout)


if __name__ == "__main__":
    unittest.main()
