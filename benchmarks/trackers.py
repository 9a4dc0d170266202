"""Emissions trackers beside ours, at the same work in one run.

    python benchmarks/trackers.py                              about six minutes
    python benchmarks/trackers.py --seconds 20 --peers all     about twenty
    python benchmarks/trackers.py --write docs/explanation/beside-other-trackers.md

Start-up, the cost of a task, the figures at 0, 1 and 2 busy cores, and a hundred requests at once.
Each peer gets an environment of its own under `.venv-peers`; one that cannot be made is skipped
with its reason. The parts are in `benchmarks/tracking`. Exit code 1 when one of our own goals is
missed.
"""

import argparse
import sys
from pathlib import Path

from run import machine
from tracking.goals import missed
from tracking.page import page, skipped, table
from tracking.peers import PEERS, USUAL, Peer
from tracking.runs import Plan, run_all


def chosen(said: str) -> tuple[Peer, ...]:
    """The trackers that were named."""
    if said == "all":
        return PEERS
    names = said.split(",")
    known = {peer.name: peer for peer in PEERS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"no tracker {', '.join(unknown)}: there are {', '.join(known)}")
    return tuple(known[name] for name in names)


def main(arguments: list[str]) -> int:
    """Print the table, write the page; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="length of a span [5]")
    parser.add_argument("--repeats", type=int, default=3, help="rounds [3]")
    parser.add_argument("--tasks", type=int, default=3400, help="tasks in each round [3400]")
    parser.add_argument("--peers", default=",".join(peer.name for peer in USUAL), help="or all")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page to FILE")
    options = parser.parse_args(arguments)
    plan = Plan(options.seconds, options.repeats, options.tasks)
    peers = chosen(options.peers)
    results = run_all(peers, plan)
    print(f"{plan.seconds:g} s a span, {plan.tasks} tasks, medians of {plan.repeats}\n")
    print(table(peers, results))
    print(skipped(results))
    if options.write is not None:
        said = [one for one in arguments if one != "--write" and one != str(options.write)]
        options.write.write_text(page(peers, results, plan, (machine(), said)), encoding="utf-8")
    goals = missed(results)
    for goal in goals:
        print(f"MISSED: {goal}")
    return 1 if goals else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
