"""What was measured, by server and point; ratios are taken within a pass, then their median."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from contest.asking import ColdStart
from contest.bodies import Form
from contest.load import Load
from contest.pace import Paced


@dataclass(frozen=True)
class Point:
    """One form of load on one model."""

    model: str
    rows: int
    connections: int
    form: Form = Form.JSON


@dataclass(frozen=True)
class Lives:
    """One life of a server on one model: its start, its memory after load, its idle share."""

    cold: ColdStart
    resident_mb: float
    idle_percent: float | None = None


@dataclass
class Results:
    """Every measurement of a run; a list holds one entry a pass."""

    loads: dict[tuple[str, Point], list[Load]] = field(default_factory=lambda: defaultdict(list))
    lives: dict[tuple[str, str], list[Lives]] = field(default_factory=lambda: defaultdict(list))
    alone: dict[tuple[str, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    """Rows a CPU-second of ONNX Runtime without a server, by model and batch rows."""
    paced: dict[tuple[str, str, int], list[Paced]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By server, model and requests a second."""
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    """By server and what was tried."""

    def load(self, peer: str, point: Point, what: Callable[[Load], float]) -> float | None:
        """The median over the passes; None when it was not measured."""
        return median([what(one) for one in self.loads.get((peer, point), ())])

    def cpu_beside(self, peer: str, point: Point, other: str, at: Point) -> float | None:
        """CPU a request of a server over that of another, or of itself at another point."""
        own, others = self.loads.get((peer, point), ()), self.loads.get((other, at), ())
        pairs = zip(own, others, strict=False)
        return median([one.cpu_s_per_1000 / two.cpu_s_per_1000 for one, two in pairs])

    def rows_beside_alone(self, peer: str, point: Point) -> float | None:
        """Rows a CPU-second of a server over those of ONNX Runtime alone at the same rows."""
        alone = self.alone.get((point.model, point.rows), ())
        pairs = zip(self.loads.get((peer, point), ()), alone, strict=False)
        return median([1000 * point.rows / load.cpu_s_per_1000 / rows for load, rows in pairs])

    def paced_p99_ms(self, peer: str, model: str, rate: int) -> float | None:
        """The median over the passes."""
        return median([one.p99_ms for one in self.paced.get((peer, model, rate), ())])

    def rates(self, model: str) -> list[int]:
        """The fixed rates at which this model was asked."""
        return sorted({rate for _, name, rate in self.paced if name == model})


def median(values: Sequence[float]) -> float | None:
    """The median, or None of nothing."""
    return statistics.median(values) if values else None
