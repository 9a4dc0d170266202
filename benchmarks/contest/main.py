"""The whole comparison: what is chosen, its passes, and the page."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from contest.asking import WrongAnswer
from contest.bodies import Form
from contest.environments import python_of
from contest.goals import goals, missed
from contest.models import MODELS, Model
from contest.peers import DEFAULT, ECHO, OURS, PEERS, Peer
from contest.results import Point, Results
from contest.spell import Bench, Life, alive, alone, loaded, paced
from contest.table import Told, by_hand, page

T = TypeVar("T")

SECONDS, PASSES = 3.0, 3
QUICK_SECONDS, QUICK_PASSES = 1.0, 1
JSON_POINTS = ((1, 1), (1, 16), (1, 64), (32, 16))
BINARY_POINTS = ((1, 16), (32, 16))
RATE_SHARES, HIGHEST_RATE = (0.3, 0.8), 10_000
"""Fixed rates as shares of what the fastest peer answers; above the highest, the client lags."""


@dataclass(frozen=True)
class Chosen:
    """What is compared, and for how long."""

    peers: tuple[Peer, ...]
    models: tuple[Model, ...]
    seconds: float
    passes: int
    write: Path | None


def main(arguments: Sequence[str]) -> int:
    """Compare, print and write; 1 when a goal is missed or one of ours failed."""
    chosen = _read(arguments)
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is needed for the load: apt-get install wrk")
    for peer in chosen.peers:
        if peer.environment is not None:
            python_of(peer.environment)
    with tempfile.TemporaryDirectory(prefix="contest-models-") as folder:
        results = compare(chosen, Bench(Path(folder), chosen.seconds))
    found = goals(results)
    told = Told(chosen.peers, chosen.passes, chosen.seconds, _without_write(arguments))
    written = page(results, found, chosen.models, told)
    print(written)
    if chosen.write is not None:
        chosen.write.write_text(written + by_hand(chosen.write))
    own = any(peer == OURS for peer, _ in results.failures)
    return int(missed(found) > 0 or own)


def compare(chosen: Chosen, bench: Bench) -> Results:
    """Every pass over every model and server, then the fixed rates."""
    results = Results()
    for number in range(chosen.passes):
        for model in chosen.models:
            for rows in (1, 32):
                alone(model, rows, bench, results)
            for peer in _turned(chosen.peers, number):
                _say(f"pass {number + 1}, {model.name}, {peer.name}")
                points = _points(peer, model)
                _live(peer, model, bench, results, partial(_loaded, points, results))
    for number in range(chosen.passes):
        for model in chosen.models:
            for peer, rates in _turned(_rates(chosen, model, results), number):
                _say(f"pass {number + 1}, {model.name}, {peer.name} at {rates} a second")
                _live(peer, model, bench, results, partial(_paced, rates, results))
    return results


def _loaded(points: Sequence[Point], results: Results, life: Life) -> None:
    loaded(life, points, results)


def _paced(rates: Sequence[int], results: Results, life: Life) -> None:
    for rate in rates:
        paced(life, rate, results)


def _live(
    peer: Peer, model: Model, bench: Bench, results: Results, act: Callable[[Life], None]
) -> None:
    """Do something with a server that answers; one that does not is written down."""
    try:
        with alive(peer, model, bench) as life:
            act(life)
    except WrongAnswer as error:
        results.failures[peer.name, f"{model.name}, start"] = str(error)


def _points(peer: Peer, model: Model) -> list[Point]:
    forms = ((Form.JSON, JSON_POINTS), (Form.BINARY, BINARY_POINTS))
    return [Point(model.name, *at, form) for form, of in forms if form in peer.forms for at in of]


def _rates(chosen: Chosen, model: Model, results: Results) -> list[tuple[Peer, list[int]]]:
    """The fixed rates at which each server is asked: those that a whole core of it bears."""
    point = Point(model.name, 1, 16)
    bears = {
        peer: results.load(peer.name, point, lambda load: 1000 / load.cpu_s_per_1000) or 0.0
        for peer in chosen.peers
        if peer.name != ECHO
    }
    highest = max((of for peer, of in bears.items() if peer.name != OURS), default=0.0)
    rates = [_round(min(HIGHEST_RATE, share * highest)) for share in RATE_SHARES]
    told = [(peer, [rate for rate in rates if 0 < rate < of]) for peer, of in bears.items()]
    return [(peer, of) for peer, of in told if of]


def _round(rate: float) -> int:
    """To two digits, so that the table is easy to read."""
    step = 10 ** max(0, len(str(int(rate))) - 2)
    return int(rate // step * step)


def _turned(of: Sequence[T], by: int) -> list[T]:
    """Each pass begins with another, so that nobody always follows the same."""
    return [*of[by % len(of) :], *of[: by % len(of)]] if of else []


def _read(arguments: Sequence[str]) -> Chosen:
    told = argparse.ArgumentParser(prog="serving.py", description=(__doc__ or "").strip())
    told.add_argument("--peers", default=",".join(DEFAULT), help="names, by commas, or `all`")
    told.add_argument("--models", default=",".join(model.name for model in MODELS))
    told.add_argument("--seconds", type=float, help=f"a point's length, {SECONDS:g} by default")
    told.add_argument("--passes", type=int, help=f"{PASSES} by default")
    told.add_argument("--quick", action="store_true", help="one pass of one second a point")
    told.add_argument("--write", type=Path, help="the Markdown page to write")
    read = told.parse_args(arguments)
    peers, models = {peer.name: peer for peer in PEERS}, {model.name: model for model in MODELS}
    names = list(peers) if read.peers == "all" else read.peers.split(",")
    unknown = sorted((set(names) - set(peers)) | (set(read.models.split(",")) - set(models)))
    if unknown:
        told.error(f"no {', '.join(unknown)}: there are {', '.join((*peers, *models))}")
    return Chosen(
        tuple(peer for peer in PEERS if peer.name in names),
        tuple(model for model in MODELS if model.name in read.models.split(",")),
        read.seconds or (QUICK_SECONDS if read.quick else SECONDS),
        read.passes or (QUICK_PASSES if read.quick else PASSES),
        read.write,
    )


def _without_write(arguments: Sequence[str]) -> str:
    """What was measured does not depend on where it is written."""
    pairs = zip(arguments, ["", *arguments], strict=False)
    return " ".join(one for one, before in pairs if "--write" not in (one, before))


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
