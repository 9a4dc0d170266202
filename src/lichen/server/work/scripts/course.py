"""The metrics that a script logged, by step: as many as can be looked at, evenly thinned."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

MOST_POINTS = 128
"""Of each metric; beyond it every second is dropped, and from then on only every second kept."""
MOST_METRICS = 32

Point = tuple[float, float | None]


@dataclass(slots=True)
class Series:
    """One metric: `(step, value)`, a value that is not finite being None; its last value."""

    points: list[Point] = field(default_factory=list)
    stride: int = 1
    seen: int = 0
    last: Point | None = None

    def add(self, step: float, value: float) -> None:
        """One more value."""
        point = (step, value if math.isfinite(value) else None)
        if self.seen % self.stride == 0:
            self.points.append(point)
        self.seen += 1
        self.last = point
        if len(self.points) > MOST_POINTS:
            self.points = self.points[::2]
            self.stride *= 2

    def shown(self) -> list[Point]:
        """Its points, the last among them."""
        is_missing = self.last is not None and self.points[-1:] != [self.last]
        return [*self.points, self.last] if is_missing and self.last else list(self.points)


@dataclass(slots=True)
class Course:
    """All metrics of a run."""

    series: dict[str, Series] = field(default_factory=dict)

    def add(self, step: int | None, values: Mapping[str, float]) -> None:
        """Metrics of one step; without a number it is the one after the last."""
        for name, value in values.items():
            if name not in self.series and len(self.series) >= MOST_METRICS:
                continue
            one = self.series.setdefault(name, Series())
            one.add(one.seen if step is None else step, value)

    def last_values(self) -> dict[str, float]:
        """The last value of each metric whose last value is finite."""
        return {
            name: one.last[1]
            for name, one in self.series.items()
            if one.last is not None and one.last[1] is not None
        }

    def shown(self) -> dict[str, list[Point]]:
        """The points of each metric."""
        return {name: one.shown() for name, one in self.series.items()}


def encoded(course: Course) -> bytes:
    """The course as a checkpoint keeps it."""
    return msgspec.json.encode(course)


def decoded(body: bytes | None) -> Course:
    """The course of a checkpoint; an empty one where there is none, or none that can be read."""
    try:
        return Course() if body is None else msgspec.json.decode(body, type=Course)
    except msgspec.DecodeError:
        return Course()


def line(step: int | None, values: Mapping[str, float]) -> str:
    """Metrics of one step for people."""
    where = "" if step is None else f"step {step}: "
    return where + ", ".join(f"{name} {value:.6g}" for name, value in values.items())
