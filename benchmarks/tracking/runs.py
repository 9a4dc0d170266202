"""Run a tracker's driver in a process of its own and read what it found."""

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from tracking.peers import CannotRun, Peer

SPAN, TASKS, CONCURRENT = "span", "tasks", "concurrent"
CORES = (0, 1, 2)
NO_NETWORK = dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"
)
"""What a tracker asks of the network is refused on this machine, at once: we phone nobody, and a
service's speed is not in the figures."""
PATIENCE_S = 300
LEAST_RESPONSE = 0.05
"""A figure that grows by less than this share from no busy core to one does not follow the load."""

Found = dict[str, float | str | None]


@dataclass(frozen=True)
class Plan:
    """How long and how often."""

    seconds: float
    repeats: int
    tasks: int

    def runs(self) -> Iterator[tuple[str, float, int]]:
        """Mode, its number, and busy cores: in this order for each tracker, in every round."""
        for cores in CORES:
            yield SPAN, self.seconds, cores
        yield TASKS, self.tasks, 0
        yield CONCURRENT, 0, 0


@dataclass
class Results:
    """All that was found, by tracker, mode and busy cores; and why some were not run."""

    found: dict[tuple[str, str, int], list[Found]] = field(
        default_factory=lambda: defaultdict(list)
    )
    skipped: dict[str, str] = field(default_factory=dict)

    def add(self, peer: Peer, mode: str, cores: int, found: Found) -> None:
        self.found[peer.name, mode, cores].append(found)

    def middle(self, peer: Peer, mode: str, key: str, cores: int = 0) -> float | None:
        """The median of one figure; None where the tracker never said one."""
        rows = self.found.get((peer.name, mode, cores), [])
        said = [row[key] for row in rows if isinstance(row.get(key), int | float)]
        return median(float(one) for one in said if one is not None) if said else None

    def startup(self, peer: Peer, key: str) -> float | None:
        """The median of a start-up figure over all runs."""
        said = [
            float(row[key])  # type: ignore[arg-type] # start-ups are numbers
            for (name, _, _), rows in self.found.items()
            if name == peer.name
            for row in rows
            if key in row
        ]
        return median(said) if said else None

    def linearity(self, peer: Peer, key: str) -> float | None:
        """What two busy cores add over what one adds: 2 where each costs the same.

        None where the figure does not follow the load.
        """
        none, one, two = (self.middle(peer, SPAN, key, cores) for cores in CORES)
        if none is None or one is None or two is None or one - none < LEAST_RESPONSE * none:
            return None
        return (two - none) / (one - none) if one > none else None

    def over_count(self, peer: Peer) -> float | None:
        """The figures of a hundred concurrent requests over that of all of them as one."""
        parts = self.middle(peer, CONCURRENT, "parts_j")
        whole = self.middle(peer, CONCURRENT, "whole_j")
        return parts / whole if parts is not None and whole else None

    def is_silent(self, peer: Peer, mode: str, cores: int) -> bool:
        """Whether it was asked already and had nothing to say: asking again brings nothing."""
        rows = self.found.get((peer.name, mode, cores), [])
        key = {SPAN: "total_j", CONCURRENT: "parts_j"}.get(mode)
        return bool(rows) and key is not None and rows[-1].get(key) is None


def run_all(peers: Sequence[Peer], plan: Plan) -> Results:
    """Every tracker at the same work, interleaved, so often; a tracker that fails is left out."""
    results = Results()
    for _ in range(plan.repeats):
        for peer in peers:
            try:
                _round(peer, plan, results)
            except CannotRun as reason:
                results.skipped[peer.name] = str(reason)
    return results


def _round(peer: Peer, plan: Plan, results: Results) -> None:
    if peer.name in results.skipped:
        return
    for mode, number, cores in plan.runs():
        if (mode == CONCURRENT and not peer.overlaps) or results.is_silent(peer, mode, cores):
            continue
        results.add(peer, mode, cores, run(peer, mode, number, cores))


def run(peer: Peer, mode: str, number: float, cores: int) -> Found:
    """One run of a driver.

    Raises:
        CannotRun: its environment cannot be made, or it failed.
    """
    command = [str(peer.python()), "-W", "ignore", str(peer.driver()), mode]
    command += [f"{number:g}", str(cores), *([peer.tracking] if peer.tracking else [])]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **NO_NETWORK},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotRun(f"{mode} took over {PATIENCE_S} s") from error
    return read(done.returncode, done.stdout, done.stderr)


def read(code: int, output: str, errors: str) -> Found:
    """What a driver told: the last line of its output.

    Raises:
        CannotRun: it failed, or told nothing.
    """
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if code != 0 or not lines:
        last = (errors.strip() or output.strip() or "it said nothing").splitlines()[-1]
        raise CannotRun(f"it ended with code {code}: {last[:200]}")
    found: Found = json.loads(lines[-1])
    return found
