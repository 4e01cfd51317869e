#!/usr/bin/python3
"""scripts/plot.py: writes SVG that an XML parser reads, with every model in it; refuses what is no
scoreboard with one line and no file."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PLOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "plot.py")
SVG = "{http://www.w3.org/2000/svg}"


def model(kind, mean, parameters, latency=1.5):
    return {"kind": kind, "return_mean": mean, "return_ci95": [mean - 1, mean + 2],
            "parameters": parameters, "latency_us": latency}


BOARD = {"random_return": 0.5, "models": {"teacher": model("teacher", 20, 100000, 4),
                                          "small & quick": model("student", 19, 25000),
                                          "tiny": model("student", 15, 6000, 0.5)}}


def plot(*arguments):
    return subprocess.run([PLOT, *arguments], capture_output=True, text=True, check=False)


class PlotTest(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)

    def run_directory(self, board, name="breakout"):
        directory = os.path.join(self.scratch.name, name)
        os.makedirs(directory)
        with open(os.path.join(directory, "scoreboard.json"), "w") as file:
            file.write(board if isinstance(board, str) else json.dumps(board))
        return directory

    def texts(self, path):
        root = xml.etree.ElementTree.parse(path).getroot()
        self.assertEqual(root.tag, SVG + "svg")
        return ["".join(node.itertext()) for node in root.iter(SVG + "text")]

    def test_a_sweep_may_show_some_rows_alone(self):
        table = os.path.join(self.scratch.name, "sizes.csv")
        with open(table, "w") as file:
            file.write("kind,x,y,line\na,1,10,job\na,2,20,job\nb,1,7,other\n")
        arguments = ("sweep", table, "--x", "x", "--y", "y", "--by", "line")
        out = os.path.join(self.scratch.name, "out.svg")
        done = plot(*arguments, "--only", "kind=a", "--y-label", "rows a second", "--out", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("rows a second", self.texts(out))
        for condition, words in (("kind=c", "no row where kind=c"), ("sort=a", "no column 'sort'")):
            done = plot(*arguments, "--only", condition)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stderr)

    def test_a_stack_is_a_bar_for_each_sum_cut_into_its_rows(self):
        table = os.path.join(self.scratch.name, "times.csv")
        with open(table, "w") as file:
            file.write("of,thread,stage,us\nframe,worker,step,1.5\nframe,worker,send,0.5\n"
                       "update,loop,MPI,30\n")
        out = os.path.join(self.scratch.name, "out.svg")
        arguments = ("stack", table, "--bar", "of", "--part", "thread,stage", "--value")
        done = plot(*arguments, "us", "--unit", "µs", "--out", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        texts = self.texts(out)
        for words in ("frame: 2 µs", "update: 30 µs", "worker, step: 1.5", "loop, MPI: 30"):
            self.assertIn(words, texts)
        done = plot(*arguments, "stage", "--out", out)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("is no number", done.stderr)

    def test_every_model_stands_in_both_panels_of_a_valid_svg(self):
        run = self.run_directory(BOARD)
        done = plot("models", run)
        self.assertEqual(done.returncode, 0, done.stderr)
        texts = self.texts(os.path.join(run, "models.svg"))
        for name in BOARD["models"]:
            self.assertEqual(texts.count(name), 2, texts)
        self.assertIn("parameters", texts)
        self.assertTrue(any("latency" in text for text in texts))

    def test_the_same_board_gives_the_same_bytes(self):
        run = self.run_directory(BOARD)
        files = []
        for name in ("a.svg", "b.svg"):
            path = os.path.join(self.scratch.name, name)
            self.assertEqual(plot("models", run, "--out", path).returncode, 0)
            with open(path, "rb") as file:
                files.append(file.read())
        self.assertEqual(files[0], files[1])

    def test_a_deterministic_run_without_latencies_is_drawn_too(self):
        board = {"random_return": 0, "models": {"teacher": model("teacher", 3, 10, 0.0)}}
        done = plot("models", self.run_directory(board))
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_several_runs_share_one_plot(self):
        other = self.run_directory(BOARD, "other")
        done = plot("models", self.run_directory(BOARD), other)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("other", self.texts(done.stdout.strip()))

    def test_what_is_no_scoreboard_is_refused_in_one_line(self):
        for number, board in enumerate(("{", "[]", '{"models": {}}', '{"models": {"a": {}}}')):
            run = self.run_directory(board, f"bad{number}")
            done = plot("models", run)
            self.assertNotEqual(done.returncode, 0, board)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertFalse(os.path.exists(os.path.join(run, "models.svg")))
        self.assertIn("No such file", plot("models", "/nowhere").stderr)

    def test_a_sweep_draws_a_line_for_each_value_of_a_column(self):
        table = os.path.join(self.scratch.name, "t.csv")
        with open(table, "w") as file:
            file.write("x,by,y\n1,one,2\n10,one,3\n1,two,1\n10,two,\n")
        done = plot("sweep", table, "--x", "x", "--y", "y", "--by", "by", "--log", "--title", "T")
        self.assertEqual(done.returncode, 0, done.stderr)
        texts = self.texts(os.path.join(self.scratch.name, "t.svg"))
        for text in ("one", "two", "T", "x", "y"):
            self.assertIn(text, texts)
        self.assertIn("no column 'z'", plot("sweep", table, "--x", "z", "--y", "y").stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
