#!/usr/bin/env python3
"""Reads a JUnit file of ctest: prints what failed and was skipped, and a line of counts.

Results of a second run of what failed (scripts/lib.sh, run_tests) lie beside the file; a test that
passed only there counts as passed and is named, with what it said when it failed.

Exit status 1 when a test failed, when there is no result at all, or, with --strict, when a test
that must run was skipped or a label has no test. With --json the counts go to a file. With
--run-again it only prints the expression for `ctest -R` that names what deserves a second run.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree


# More failures than this are not the machine's.
MOST_RUN_AGAIN = 5
# What these tests run are whole processes, with bounds on time.
RUN_AGAIN_LABELS = {"mpi", "system"}


def labels_of_tests(build):
    """Test name -> its labels, as ctest knows them."""
    listing = subprocess.run(
        ["ctest", "--test-dir", build, "--show-only=json-v1"],
        check=True, capture_output=True, text=True).stdout
    labels = {}
    for test in json.loads(listing).get("tests", []):
        for prop in test.get("properties", []):
            if prop["name"] == "LABELS":
                labels[test["name"]] = set(prop["value"])
    return labels


def read_results(path):
    """[(name, 'passed' | 'failed' | 'skipped', output)]"""
    results = []
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        output = case.findtext("system-out") or ""
        if case.find("failure") is not None or case.get("status") == "fail":
            outcome = "failed"
        elif case.find("skipped") is not None:
            # A binary that is missing counts as not run in ctest; here it is a failure.
            message = case.find("skipped").get("message") or ""
            missing = "not found" in message.lower() or "Unable to find" in output
            outcome = "failed" if missing or case.get("name").endswith("_NOT_BUILT") else "skipped"
        elif case.get("status") == "run":
            outcome = "passed"
        else:
            outcome = "failed"
        results.append((case.get("name"), outcome, output))
    return results


def expression_to_run_again(results, labels):
    """For `ctest -R`: the tests that deserve a second run; empty when there is none."""
    failed = [name for name, outcome, _ in results if outcome == "failed"]
    chosen = [name for name in failed if labels.get(name, set()) & RUN_AGAIN_LABELS]
    if not chosen or len(failed) > MOST_RUN_AGAIN:
        return ""
    return "^(" + "|".join(re.escape(name) for name in chosen) + ")$"


def with_second_run(results, again):
    """Replaces the outcome of what failed and then passed; prints which those are."""
    passed = {name for name, outcome, _ in again if outcome == "passed"}
    merged = []
    for name, outcome, output in results:
        if outcome == "failed" and name in passed:
            print(f"--- FAILED, then passed alone: {name}\n{output.rstrip()}")
            outcome = "passed"
        merged.append((name, outcome, output))
    return merged


def strict_complaints(results, labels, required):
    complaints = []
    for name, outcome, _ in results:
        if outcome == "skipped" and "gpu" not in labels.get(name, set()):
            complaints.append(f"skipped, but only GPU tests may be: {name}")
    ran = {label for name, outcome, _ in results if outcome != "skipped"
           for label in labels.get(name, set())}
    complaints += [f"no test with the label {label} has run" for label in required
                   if label not in ran]
    return complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("junit")
    parser.add_argument("--build", required=True)
    parser.add_argument("--strict", metavar="LABELS", help="comma-separated labels that must run")
    parser.add_argument("--json", help="write the counts here")
    parser.add_argument("--run-again", action="store_true",
                        help="print what deserves a second run, for ctest -R")
    options = parser.parse_args()

    try:
        results = read_results(options.junit)
    except (OSError, ElementTree.ParseError) as error:
        print(f"test_summary.py: {options.junit}: {error}", file=sys.stderr)
        results = []
    if options.run_again:
        print(expression_to_run_again(results, labels_of_tests(options.build)))
        return 0
    second = options.junit.removesuffix(".xml") + "-again.xml"
    if os.path.exists(second):
        results = with_second_run(results, read_results(second))
    counts = {kind: sum(outcome == kind for _, outcome, _ in results)
              for kind in ("passed", "failed", "skipped")}
    if not results:
        counts["failed"] = 1
        print("no test has run; see test-output.txt in the build directory")
    for name, outcome, output in results:
        if outcome == "failed":
            print(f"--- FAILED {name}\n{output.rstrip()}")
    for name, outcome, _ in results:
        if outcome == "skipped":
            print(f"skipped: {name}")
    complaints = []
    if options.strict is not None:
        complaints = strict_complaints(results, labels_of_tests(options.build),
                                       [label for label in options.strict.split(",") if label])
        for complaint in complaints:
            print(complaint)
    for name, outcome, _ in results:
        if outcome == "failed":
            print(f"failed: {name}")
    print(f"{options.build}: {counts['passed']} passed, {counts['failed']} failed, "
          f"{counts['skipped']} skipped")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(counts, file)
    return 1 if counts["failed"] or complaints else 0


if __name__ == "__main__":
    sys.exit(main())
