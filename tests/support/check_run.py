#!/usr/bin/env python3
"""What a run over several hosts must have left in its directory; exit status 1 when it has not.

  check_run.py RUN --hosts node1=10.77.0.1,node2=10.77.0.2 --frames N --updates N [--attempts N]
"""
import argparse
import json
import sys
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--hosts", required=True)
    parser.add_argument("--frames", type=int, default=1)
    parser.add_argument("--updates", type=int, default=1)
    parser.add_argument("--attempts", type=int, default=1)
    options = parser.parse_args()
    addresses = dict(pair.split("=") for pair in options.hosts.split(","))
    problems = []

    def expect(holds, what):
        if not holds:
            problems.append(what)

    status = json.loads((options.run / "status.json").read_text())
    expect(status["status"] == "done" and status["exit_status"] == 0, f"status.json: {status}")
    lines = [json.loads(line) for line in (options.run / "progress.jsonl").read_text().splitlines()]
    last = lines[-1]
    expect(last["frames"] >= options.frames, f"frames {last['frames']} < {options.frames}")
    expect(last["updates"] >= options.updates, f"updates {last['updates']} < {options.updates}")

    host_of_shard = [rank["host"] for rank in last["ranks"]
                     for role in rank["role"].split("+") if role == "shard"]
    hosts = {rank["host"] for rank in last["ranks"]}
    expect(hosts == set(addresses), f"ranks ran on {sorted(hosts)}")
    shards = json.loads((options.run / "endpoints.json").read_text())["shards"]
    listening = [shard.rsplit(":", 1)[0] for shard in shards]
    expect(listening == [addresses.get(host) for host in host_of_shard],
           f"shards of {host_of_shard} are announced at {shards}")

    board = json.loads((options.run / "scoreboard.json").read_text())
    expect(set(board["models"]) == {"teacher", "small", "tiny"}, f"models {list(board['models'])}")
    expect(all(model["episodes"] > 0 for model in board["models"].values()), f"scores: {board}")

    # Lines of later attempts supersede those of earlier ones from the checkpoint on.
    expect(last["attempt"] == options.attempts, f"attempt {last['attempt']}")
    for attempt in range(2, options.attempts + 1):
        before = [line for line in lines if line["attempt"] == attempt - 1]
        after = [line for line in lines if line["attempt"] == attempt]
        resumed = next((line["resumed_from_updates"] for line in after
                        if "resumed_from_updates" in line), 0)
        expect(resumed > 0, f"attempt {attempt} was resumed from {resumed} updates")
        # The checkpoint was taken on request, after the last line that the attempt wrote.
        most = max((line.get("updates", 0) for line in before), default=0)
        expect(resumed >= most, f"resumed from {resumed} updates, though {most} were reported")
        counted = [line["updates"] for line in after if "updates" in line]
        expect(all(count >= resumed for count in counted), f"updates fell below {resumed}")

    for problem in problems:
        print(f"{options.run}: {problem}", file=sys.stderr)
    print(f"{options.run.name}: attempt {last['attempt']}, frames {last['frames']}, "
          f"updates {last['updates']}, shards {' '.join(shards)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
