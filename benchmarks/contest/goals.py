"""What is promised, as ratios within one run, and whether it was kept."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contest.bodies import Form
from contest.peers import ECHO, OURS
from contest.results import Point, Results, median

GBDT_1, GBDT_32 = Point("gbdt", 1, 16), Point("gbdt", 32, 16)
MLP_1, MLP_32 = Point("mlp", 1, 16), Point("mlp", 32, 16)
MLP_32_BINARY = Point("mlp", 32, 16, Form.BINARY)
TRANSFORMER = (Point("transformer", 1, 16), Point("transformer", 32, 16))
COLD_SECONDS, RESIDENT_MB, IDLE_PERCENT = 0.5, 100.0, 1.0


@dataclass(frozen=True)
class Goal:
    """A promise: `measured` is None where this run did not measure it."""

    says: str
    measured: float | None
    limit: float
    is_floor: bool = False

    @property
    def is_met(self) -> bool | None:
        """None where it was not measured."""
        if self.measured is None:
            return None
        return self.measured >= self.limit if self.is_floor else self.measured <= self.limit

    @property
    def verdict(self) -> str:
        return {None: "not measured", True: "met", False: "MISSED"}[self.is_met]


def goals(results: Results) -> list[Goal]:
    """All of them, in the order of the table."""
    return [
        *_trees(results),
        *_network(results),
        *_transformer(results),
        *_latency(results),
        *_footprint(results),
    ]


def missed(found: list[Goal]) -> int:
    """How many were measured and not met."""
    return sum(goal.is_met is False for goal in found)


def _trees(results: Results) -> Iterator[Goal]:
    limits = (("mlserver", 1 / 15), ("fastapi", 1 / 4.5), ("mosec", 0.6))
    for peer, limit in limits:
        ratio = results.cpu_beside(OURS, GBDT_1, peer, GBDT_1)
        yield Goal(f"GBDT, 1 row: CPU over {peer}'s", ratio, limit)
    ratio = results.cpu_beside(OURS, GBDT_32, "mlserver", GBDT_32)
    yield Goal("GBDT, 32 rows: CPU over mlserver's", ratio, 1 / 5)
    rows = results.rows_beside_alone(OURS, GBDT_32)
    yield Goal("GBDT, 32 rows: rows a CPU-second over ONNX Runtime's alone", rows, 0.7, True)  # noqa: FBT003


def _network(results: Results) -> Iterator[Goal]:
    ratio = results.cpu_beside(OURS, MLP_1, "mlserver", MLP_1)
    yield Goal("MLP, 1 row: CPU over mlserver's", ratio, 1 / 18)
    ratio = results.cpu_beside(OURS, MLP_1, ECHO, MLP_1)
    yield Goal("MLP, 1 row: CPU over the bare echo's", ratio, 6.0)
    ratio = results.cpu_beside(OURS, MLP_32_BINARY, OURS, MLP_32)
    yield Goal("MLP, 32 rows: CPU in binary over our own in JSON", ratio, 0.5)


def _transformer(results: Results) -> Iterator[Goal]:
    for point in TRANSFORMER:
        rows = f"{point.rows} row{'s' if point.rows > 1 else ''}"
        share = results.rows_beside_alone(OURS, point)
        ratio = None if share is None else 1 / share
        yield Goal(f"Transformer, {rows}: CPU over ONNX Runtime's alone", ratio, 1.05)
        for peer in sorted({name for name, at in results.loads if at == point} - {OURS, ECHO}):
            ratio = results.cpu_beside(OURS, point, peer, point)
            yield Goal(f"Transformer, {rows}: CPU over {peer}'s", ratio, 1.0)


def _latency(results: Results) -> Iterator[Goal]:
    for model in sorted({name for _, name, _ in results.paced}):
        for rate in results.rates(model):
            ours = results.paced_p99_ms(OURS, model, rate)
            others = {name for name, at, _ in results.paced if at == model} - {OURS, ECHO}
            told = [results.paced_p99_ms(name, model, rate) for name in others]
            known = [one for one in told if one is not None]
            ratio = _beside(ours, known)
            yield Goal(f"{model} at {rate} requests/s: p99 over the best peer's", ratio, 1.0)


def _beside(ours: float | None, others: Sequence[float]) -> float | None:
    """A rate that a peer was seen to bear and we were not is a goal missed."""
    if not others:
        return None
    return math.inf if ours is None else ours / min(others)


def _footprint(results: Results) -> Iterator[Goal]:
    lives = results.lives.get((OURS, "mlp"), [])
    wall, cpu = ([getattr(one.cold, name) for one in lives] for name in ("wall_s", "cpu_s"))
    yield Goal("Cold start to the first answer, seconds", median(wall), COLD_SECONDS)
    yield Goal("Cold start to the first answer, CPU-seconds", median(cpu), COLD_SECONDS)
    memory = median([one.resident_mb for one in lives])
    yield Goal("Memory with the MLP, MB", memory, RESIDENT_MB)
    idle = median([one.idle_percent for one in lives if one.idle_percent is not None])
    yield Goal("Idle, % of a core", idle, IDLE_PERCENT)
