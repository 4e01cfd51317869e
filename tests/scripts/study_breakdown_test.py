#!/usr/bin/env python3
"""scripts/study_breakdown.py and bench/breakdown.py: how samples become stages, and stages a table."""
import os
import re
import sys
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "scripts"))
from study_breakdown import table_of  # noqa: E402


def stages_of(name):
    """One of the tables of bench/breakdown.py, whose imports want a built tree."""
    with open(os.path.join(ROOT, "bench", "breakdown.py"), encoding="utf-8") as file:
        source = file.read()
    tables = source[source.index("KERNEL ="):source.index("REST =")]
    found = {}
    exec(tables, found)  # noqa: S102: our own file
    return lambda where: next((stage for stage, pattern in found[name]
                               if re.search(pattern, where)), "the rest")


class StagesTest(unittest.TestCase):
    def test_functions_of_a_worker_fall_into_their_stages(self):
        stage = stages_of("WORKER")
        for where, name in (
                ("stillhouse-worker stillhouse::(anonymous namespace)::LinearBlocked<8, 0, 8>",
                 "inference"),
                ("stillhouse-worker stillhouse::LoadParameters", "taking new weights"),
                ("stillhouse-worker stillhouse::actors::MinAtarEnvironment::Step", "environment"),
                ("stillhouse-worker stillhouse::Crc32c", "chunks, checksums, socket"),
                ("stillhouse-worker stillhouse::actors::Behaviour::Step",
                 "exploration, n-step, priorities"),
                ("libc.so.6 _int_malloc", "allocating and copying"),
                ("[kernel.kallsyms] finish_task_switch.isra.0", "system calls and scheduling")):
            self.assertEqual(stage(where), name, where)

    def test_functions_of_a_compute_thread_fall_into_their_stages(self):
        stage = stages_of("COMPUTE")
        for where, name in (
                ("stillhouse_learner.so stillhouse::learner::BitConv::Forward",
                 "first convolution (bits)"),
                ("stillhouse_learner.so stillhouse::learner::(anonymous namespace)::ForwardKernel::"
                 "Run<8>", "fully connected: forward"),
                ("libopenblasp-r0.3.21.so sgemm_kernel_HASWELL", "dense products (sgemm)"),
                ("stillhouse_learner.so stillhouse::learner::(anonymous namespace)::AdamPass",
                 "optimiser"),
                ("stillhouse_learner.so stillhouse::learner::MaskAndSum",
                 "activations, targets, loss"),
                ("ld-linux-x86-64.so.2 do_lookup_x", "the rest")):
            self.assertEqual(stage(where), name, where)


class TableTest(unittest.TestCase):
    def test_a_thread_is_a_line_with_its_sum_and_its_stages(self):
        def row(thread, stage, us, share):
            return {"of": "TD update", "thread": thread, "stage": stage, "us": str(us),
                    "share": str(share)}
        table = table_of([row("compute thread", "forward", 60, 0.6),
                          row("compute thread", "optimiser", 39.6, 0.396),
                          row("compute thread", "little", 0.4, 0.004),
                          row("event loop", "MPI", 7, 0.07)])
        self.assertIn("| TD update, compute thread | 100 | forward 60; optimiser 39.6 |\n"
                      "| TD update, event loop | 7 | MPI 7 |\n", table)


if __name__ == "__main__":
    unittest.main()
