#!/usr/bin/env python3
"""scripts/methods: how presets are read, and what is made of their figures."""
import json
import os
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "scripts", "methods"))
import size_curve  # noqa: E402
from methods import frozen_students, moved, read_board  # noqa: E402
from preset import Preset, PresetError, conditions_of, figure_at, find_presets  # noqa: E402
from rows import read_rows  # noqa: E402
from seeds import interval_of_mean, verdict  # noqa: E402
from table import row_of  # noqa: E402

BOARD = {"random_return": 1.0,
         "models": {"teacher": {"kind": "teacher", "return_mean": 9.0, "teacher_qualified": True},
                    "small": {"kind": "student", "return_mean": 8.0, "kl": 0.5}}}


class PresetTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = scratch.name
        os.makedirs(os.path.join(self.root, "configs", "methods"))

    def write(self, text, name="L9-name.yaml"):
        path = os.path.join(self.root, "configs", "methods", name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def test_without_a_head_the_first_student_is_set_against_random_play(self):
        preset = Preset(self.write("env: {id: x}\n"))
        preset.complete(BOARD)
        self.assertEqual((preset.row, preset.name), ("L9", "L9-name"))
        self.assertEqual(figure_at(BOARD, preset.measure), 8)
        self.assertEqual(figure_at(BOARD, preset.control), 1)
        self.assertEqual(preset.heldout, "models.small.kl")

    def test_a_control_run_is_measured_like_the_method(self):
        preset = Preset(self.write("#: measure: models.teacher.return_mean\n"
                                   "#: control_set: a=1; b=[1, 2]\n#: seeds: 5\n"))
        preset.complete(BOARD)
        self.assertEqual(preset.control_set, ["a=1", "b=[1, 2]"])
        self.assertEqual(preset.control, "models.teacher.return_mean")
        self.assertEqual((preset.seeds, preset.heldout), (5, "none"))

    def test_a_run_before_sets_every_key_that_is_named(self):
        before, = Preset(self.write("#: after: R3-source=replay.from, teacher.init\n")).after
        self.assertEqual((before.preset, before.settings), ("R3-source", []))
        self.assertEqual(before.keys_set("d"), ["replay.from=d", "teacher.init=d"])
        self.assertEqual(Preset(self.write("env: {id: x}\n")).after, [])

    def test_several_runs_before_have_settings_of_their_own(self):
        text = "#: after: A-x (a.b=[1, 2]; c=3)=k.one,k.two; B-y=k.three; A-x (a.b=[4])=k.four\n"
        runs = Preset(self.write(text)).after
        self.assertEqual([(run.preset, run.settings, run.keys_set("d")) for run in runs],
                         [("A-x", ["a.b=[1, 2]", "c=3"], ["k.one=d", "k.two=d"]),
                          ("B-y", [], ["k.three=d"]), ("A-x", ["a.b=[4]"], ["k.four=d"])])
        for wrong in ("A-x (a=1=k", "A-x=", "A-x (a=1)", "A-x=k,", "=k"):
            with self.assertRaisesRegex(PresetError, "after"):
                Preset(self.write(f"#: after: {wrong}\n"))

    def test_figures_change_with_what_the_runs_before_say(self):
        self.write("a: 1\n", "A-x.yaml")
        def conditions(after):
            return conditions_of(Preset(self.write(f"#: after: {after}\n")), self.root)
        seen = {conditions(after) for after in (
            "A-x=k", "A-x (a=2)=k", "A-x (a=3)=k", "A-x (a=2)=k; A-x (a=3)=l",
            "A-x (a=2)=l; A-x (a=3)=k")}
        self.assertEqual(len(seen), 5)

    def test_who_only_labels_need_not_move(self):
        with open(os.path.join(self.root, "config.yaml"), "w") as file:
            file.write("students:\n  expert:\n    frozen: true\n  pupil:\n    frozen: false\n")
        self.assertEqual(frozen_students(self.root), {"expert"})
        line = {"updates": 9, "students": {"expert": {"updates": 0, "loss": 0, "agreement": 0},
                                           "pupil": {"updates": 9, "loss": 1, "agreement": 0.5}}}
        with open(os.path.join(self.root, "progress.jsonl"), "w") as file:
            file.write(json.dumps(line) + "\n")
        self.assertEqual(moved(self.root), "")

    def test_figures_of_the_last_line_of_progress_stand_beside_those_of_the_scoreboard(self):
        with open(os.path.join(self.root, "scoreboard.json"), "w") as file:
            file.write('{"random_return": 1}')
        self.assertEqual(read_board(self.root)["progress"], {})
        with open(os.path.join(self.root, "progress.jsonl"), "w") as file:
            file.write('{"frames": 1}\n{"frames": 7}\n')
        self.assertEqual(figure_at(read_board(self.root), "progress.frames"), 7)

    def test_what_cannot_be_understood_is_refused_with_its_place(self):
        for text, words in (("#: colour: red\n", "unknown key 'colour'"), ("#: row L1\n", "line 1"),
                            ("#: seeds: many\n", "seeds"), ("#: better: more\n", "higher or lower"),
                            ("#: curve: maybe\n", "yes or no"),
                            ("#: row: A\n#: row: B\n", "'row' again"), ("#: after: x\n", "after")):
            with self.assertRaisesRegex(PresetError, words):
                Preset(self.write(text))
        with self.assertRaisesRegex(PresetError, "no 'models.tall.kl'"):
            figure_at(BOARD, "models.tall.kl")
        with self.assertRaisesRegex(PresetError, "is no number"):
            figure_at(BOARD, "models.teacher.teacher_qualified")

    def test_figures_belong_to_what_the_preset_says_not_to_its_comments(self):
        def conditions(text):
            return conditions_of(Preset(self.write(text)), self.root)
        self.write("a: 1\n", "base.yml")
        first = conditions("include: base.yml\nb: 2\n")
        self.assertEqual(first, conditions("# words\ninclude: base.yml\n\nb: 2   # two\n"))
        self.assertNotEqual(first, conditions("include: base.yml\nb: 3\n"))
        self.assertNotEqual(first, conditions("#: control_set: b=1\ninclude: base.yml\nb: 2\n"))
        self.write("a: 2\n", "base.yml")
        self.assertNotEqual(first, conditions("include: base.yml\nb: 2\n"))

    def test_presets_are_found_by_row_and_by_name_in_the_order_of_rows(self):
        for name in ("L10-a.yaml", "L2-b.yaml", "L2-a.yaml"):
            self.write("x: 1\n", name)
        self.assertEqual([p.name for p in find_presets(self.root, [])], ["L2-a", "L2-b", "L10-a"])
        self.assertEqual([p.name for p in find_presets(self.root, ["L2"])], ["L2-a", "L2-b"])
        self.assertEqual([p.name for p in find_presets(self.root, ["L2-b"])], ["L2-b"])
        with self.assertRaisesRegex(PresetError, "no preset of L3"):
            find_presets(self.root, ["L3"])

    def test_every_preset_of_the_project_is_understood(self):
        for preset in find_presets(ROOT, []):
            self.assertTrue(conditions_of(preset, ROOT))


class VerdictTest(unittest.TestCase):
    def test_the_interval_of_a_few_seeds_is_that_of_all_samples(self):
        # Of the 4 samples of {0, 1} the means are 0, 0.5, 0.5, 1; position 0.075 of 3 is 0.0375.
        low, high = interval_of_mean([0, 1])
        self.assertAlmostEqual(low, 0.0375)
        self.assertAlmostEqual(high, 1 - 0.0375)
        self.assertEqual(interval_of_mean([2.0] * 9), (2.0, 2.0))

    def test_a_method_beats_its_control_when_the_whole_interval_does(self):
        self.assertEqual(verdict([1, 2, 3], "higher"), "beats its control")
        self.assertEqual(verdict([-1, -2, -3], "higher"), "below its control")
        self.assertEqual(verdict([-1, -2, -3], "lower"), "beats its control")
        self.assertEqual(verdict([-3, 1, 2], "higher"), "level with its control")
        self.assertEqual(verdict([0, 0, 0], "higher"), "level with its control")

    def test_a_row_that_does_not_beat_its_control_shows_that_it_learns(self):
        class Some:
            row, name, shows, better, control_is = "L1", "L1-a", "a thing", "higher", "hard labels"
        row = {"figure": "0.8", "control": "0.9", "measure": "models.small.agreement", "also": "",
               "heldout": "models.small.kl", "heldout_first": "1.5", "heldout_last": "0.25",
               "teacher_qualified": "True"}
        text = row_of(Some, [row] * 3)
        self.assertIn("below its control; kl of small on held-out states 1.5 → 0.25", text)
        self.assertIn("agreement of small: **0.8**", text)
        self.assertIn("-0.1 [-0.1, -0.1]", text)


class SizeCurveTest(unittest.TestCase):
    def test_the_interquartile_mean_drops_a_quarter_at_each_end(self):
        self.assertEqual(size_curve.interquartile_mean([9, 1, 2, 3]), 2.5)
        self.assertEqual(size_curve.interquartile_mean([5, 1, 3]), 3)
        self.assertEqual(size_curve.interquartile_mean([0, 0, 1, 2, 3, 4, 5, 90, 90]), 3)

    def test_the_interval_draws_within_each_game(self):
        # One game is always 1 and the other always 3: no sample has another mean.
        self.assertEqual(size_curve.stratified_interval([[1, 1], [3, 3]]), (2, 2))
        low, high = size_curve.stratified_interval([[0, 1]])
        self.assertAlmostEqual(low, 0.0375)
        self.assertAlmostEqual(high, 1 - 0.0375)

    def test_each_model_of_a_run_is_a_line_once_and_a_cell_of_the_table(self):
        class Game:
            name = "E4-game"
        model = {"macs": 1, "latency_us": 2.0, "return_iqm": 3.0,
                 "fidelity": {"own_states": {"agreement": 0.75, "regret": 0.125}}}
        board = {"models": {
            "teacher": dict(model, kind="teacher", parameters=200, return_mean=8.0, retention=1.0),
            "tiny": dict(model, kind="student", parameters=50, return_mean=6.0, retention=0.7)}}
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "docs", "results"))
            with open(os.path.join(root, "docs", "methods.md"), "w") as file:
                file.write(f"before\n{size_curve.BEGIN}\nold\n{size_curve.END}\nafter\n")
            for seed in (1, 2, 2):
                size_curve.add(root, Game, seed, "now", board)
            size_curve.add(root, Game, 3, "another", board)
            self.assertEqual(len(read_rows(size_curve.path_of(root))), 6)
            size_curve.write_table(root, {"E4-game": "now"})
            with open(os.path.join(root, "docs", "methods.md")) as file:
                text = file.read()
        self.assertIn("| teacher (200) | returns 8 8 | |\n", text)
        self.assertIn("| tiny (50, 25.0 %) | **0.700** (0.70 0.70); agreement 0.75, regret 0.12 | "
                      "**0.700** [0.700, 0.700] |\n", text)
        self.assertTrue(text.startswith("before") and text.endswith("after\n"))
        self.assertNotIn("old", text)


if __name__ == "__main__":
    sys.exit(unittest.main())
