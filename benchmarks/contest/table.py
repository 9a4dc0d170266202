"""The results as a page in Markdown: goals first, then what each server measured."""

import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from contest.bodies import BODIES
from contest.environments import pinned
from contest.goals import Goal
from contest.models import Model
from contest.peers import Peer
from contest.results import Lives, Point, Results, median

READING = "\n## Reading it\n"
HEAD = """# What a prediction costs, beside other servers ({date})

Printed by `python benchmarks/serving.py{arguments}`.
Every server stands alone on one core, one after another and interleaved in the same run; the
client (`wrk`, {bodies} distinct bodies in turn) has the other core. Passes: {passes}, with
{seconds:g} s a point; shown is the median, and of ratios that of each pass's. CPU is that of all
processes of a server, by their own clocks; memory counts what they share once. Before anything is
measured, a server's answers are compared with ONNX Runtime's. Every model runs on one thread.

The machine: {machine}, Linux {kernel}, Python {python}; virtual and shared, so ratios hold better
than absolutes.
"""


def page(results: Results, found: Sequence[Goal], models: Sequence[Model], told: "Told") -> str:
    """The whole page."""
    parts = [told.head(), "## Goals\n", *_goals(found), "", "## Servers\n", *_servers(told.peers)]
    for model in models:
        parts += ["", f"## {model.name}: {model.shown}\n", *_model(results, model, told.peers)]
    if results.paced:
        parts += ["", "## At a fixed rate, 1 row\n", *_paced(results, models, told.peers)]
    if results.failures:
        parts += ["", "## What failed\n", *_failures(results)]
    return "\n".join(parts) + "\n"


def by_hand(path: Path) -> str:
    """What a person wrote at the end of a page that is written anew: from `READING` on."""
    if not path.exists():
        return ""
    _, found, said = path.read_text().partition(READING)
    return f"{READING}{said}" if found else ""


class Told:
    """What the head of the page says of the run."""

    def __init__(self, peers: Sequence[Peer], passes: int, seconds: float, arguments: str) -> None:
        self.peers = peers
        self._run = (passes, seconds, arguments)

    def head(self) -> str:
        """The page's first lines."""
        passes, seconds, arguments = self._run
        return HEAD.format(
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            arguments=f" {arguments}" if arguments else "",
            bodies=BODIES,
            passes=passes,
            seconds=seconds,
            machine=_machine(),
            kernel=platform.release(),
            python=platform.python_version(),
        )


def _goals(found: Sequence[Goal]) -> Iterator[str]:
    yield from _header("goal", "measured", "limit", "")
    for goal in found:
        measured = "" if goal.measured is None else f"{goal.measured:.3f}"
        sign = ">=" if goal.is_floor else "<="
        yield _row(goal.says, measured, f"{sign} {goal.limit:.3f}", goal.verdict)


def _servers(peers: Sequence[Peer]) -> Iterator[str]:
    yield from _header("server", "versions", "how it runs")
    for peer in peers:
        pins = pinned(peer.environment) if peer.environment else None
        told = [f"{name} {pins[name] if pins else version(name)}" for name in peer.packages]
        yield _row(peer.name, ", ".join(told), peer.says)


def _model(results: Results, model: Model, peers: Sequence[Peer]) -> Iterator[str]:
    points = sorted(
        {point for _, point in results.loads if point.model == model.name},
        key=lambda point: (point.form, point.rows, point.connections),
    )
    yield from _header(
        "rows", "connections", "form", "server", "requests/s", "p50 ms", "p99 ms", "CPU-s/1000"
    )
    for point in points:
        for peer in peers:
            yield from _measured(results, point, peer)
    yield ""
    told = (
        f"{rows} rows {median(of) or 0:,.0f}"
        for (name, rows), of in sorted(results.alone.items())
        if name == model.name
    )
    yield f"ONNX Runtime alone, rows a CPU-second: {', '.join(told)}.\n"
    yield from _header("server", "cold start s", "cold start CPU-s", "memory MB")
    for peer in peers:
        lives = results.lives.get((peer.name, model.name), [])
        if lives:
            yield _row(peer.name, *_lived(lives))


def _measured(results: Results, point: Point, peer: Peer) -> Iterator[str]:
    loads = results.loads.get((peer.name, point))
    if not loads:
        return
    yield _row(
        str(point.rows),
        str(point.connections),
        point.form.value,
        peer.name,
        f"{median([one.requests_a_second for one in loads]) or 0:.0f}",
        f"{median([one.p50_ms for one in loads]) or 0:.2f}",
        f"{median([one.p99_ms for one in loads]) or 0:.2f}",
        f"{median([one.cpu_s_per_1000 for one in loads]) or 0:.4f}",
    )


def _lived(lives: Sequence[Lives]) -> Iterator[str]:
    yield f"{median([one.cold.wall_s for one in lives]) or 0:.2f}"
    yield f"{median([one.cold.cpu_s for one in lives]) or 0:.2f}"
    yield f"{median([one.resident_mb for one in lives]) or 0:.0f}"


def _paced(results: Results, models: Sequence[Model], peers: Sequence[Peer]) -> Iterator[str]:
    yield "Poisson arrivals; latency counts from when a request was due.\n"
    yield from _header("model", "offered/s", "server", "answered/s", "p50 ms", "p99 ms", "late ms")
    for model in models:
        for rate in results.rates(model.name):
            for peer in peers:
                of = results.paced.get((peer.name, model.name, rate))
                if of:
                    figures = ("answered_a_second", "p50_ms", "p99_ms", "late_p99_ms")
                    told = [median([getattr(one, name) for one in of]) or 0 for name in figures]
                    shown = [f"{told[0]:.0f}", *(f"{one:.2f}" for one in told[1:])]
                    yield _row(model.name, str(rate), peer.name, *shown)
    yield "\n`late`: the 99th percentile of how late the client itself was, part of every latency."


def _failures(results: Results) -> Iterator[str]:
    for (peer, tried), said in results.failures.items():
        yield f"- {peer}, {tried}: {said.splitlines()[0][:200] if said else 'no answer'}"


def _header(*names: str) -> Iterator[str]:
    yield _row(*names)
    yield _row(*("---" for _ in names))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0] if names else 'unknown'}"
