#!/usr/bin/python3
"""scripts/reap_launcher.sh: ends a launcher that collects nobody, and no other."""
import os
import signal
import subprocess
import sys
import time
import unittest

GUARD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts",
                     "reap_launcher.sh")
# Starts processes that sleep for so many seconds each, and never waits for one.
LAUNCHER = """
import subprocess, sys, time
started = [subprocess.Popen(["sleep", seconds]) for seconds in sys.argv[1:]]
print("started", flush=True)
time.sleep(60)
"""


class ReapLauncherTest(unittest.TestCase):
    def launch(self, *seconds):
        launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER, *seconds],
                                    stdout=subprocess.PIPE, text=True)
        self.addCleanup(launcher.stdout.close)
        self.addCleanup(launcher.wait)
        self.addCleanup(launcher.kill)
        self.assertEqual(launcher.stdout.readline(), "started\n")
        return launcher

    def guard(self, launcher, patience="2"):
        guard = subprocess.Popen([GUARD, str(launcher.pid), patience], stderr=subprocess.PIPE,
                                 text=True)
        self.addCleanup(guard.stderr.close)
        self.addCleanup(guard.wait)
        self.addCleanup(guard.kill)
        return guard

    def test_a_launcher_that_collects_none_of_its_dead_is_ended(self):
        launcher = self.launch("0", "0.1")
        guard = self.guard(launcher)
        self.assertEqual(launcher.wait(timeout=15), -signal.SIGKILL)
        self.assertEqual(guard.wait(timeout=5), 0)
        self.assertIn("mpirun stands still", guard.stderr.read())

    def test_one_with_a_process_that_lives_is_left_alone(self):
        launcher = self.launch("0", "60")
        guard = self.guard(launcher, "1")
        time.sleep(4)
        self.assertIsNone(launcher.poll())
        self.assertIsNone(guard.poll())

    def test_one_that_has_started_nothing_yet_is_left_alone(self):
        launcher = self.launch()
        self.guard(launcher, "1")
        time.sleep(4)
        self.assertIsNone(launcher.poll())

    def test_the_guard_ends_with_the_launcher(self):
        launcher = self.launch("60")
        guard = self.guard(launcher)
        launcher.kill()
        self.assertEqual(guard.wait(timeout=10), 0)
        self.assertEqual(guard.stderr.read(), "")


if __name__ == "__main__":
    unittest.main()
