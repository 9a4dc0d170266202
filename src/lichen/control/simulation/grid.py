"""A zone's intensity over the simulated time: regular steps without a gap, and what work costs."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Grid:
    """One zone's intensities in regular steps.

    Attributes:
        zone: the zone.
        start_s: when the first step begins, seconds since 1970.
        step_s: how long each is.
        values: gCO2e/kWh `(steps,)`.
        name: of the file.
    """

    zone: str
    start_s: int
    step_s: int
    values: Floats
    name: str = "series"
    summed: Floats = field(init=False, repr=False)
    """Their integral from the start to each edge, g/kWh x s `(steps + 1,)`."""

    def __post_init__(self) -> None:
        summed = np.concatenate(([0.0], np.cumsum(self.values) * self.step_s))
        object.__setattr__(self, "summed", summed)

    @property
    def end_s(self) -> int:
        """The first second after the last step."""
        return self.start_s + len(self.values) * self.step_s

    def step_at(self, second: float) -> int:
        """Which step holds a second."""
        return int((second - self.start_s) // self.step_s)

    def integral(self, start_s: float, end_s: float) -> float:
        """g/kWh x s between two moments; what lies outside of the series counts nothing."""
        return self._until(end_s) - self._until(start_s)

    def integrals(self, seconds: Floats) -> Floats:
        """g/kWh x s from the start of the series to each moment."""
        edges = np.arange(len(self.summed), dtype=np.float64) * self.step_s
        return np.interp(seconds - self.start_s, edges, self.summed)

    def at(self, second: float) -> float:
        """gCO2e/kWh of the step that holds a moment; of the nearest one outside of the series."""
        return float(self.values[min(max(self.step_at(second), 0), len(self.values) - 1)])

    def _until(self, second: float) -> float:
        whole, part = divmod(second - self.start_s, self.step_s)
        at = int(whole)
        if at < 0:
            return 0.0
        if at >= len(self.values):
            return float(self.summed[-1])
        return float(self.summed[at] + part * self.values[at])

    def within(self, start_s: float, end_s: float) -> tuple[Floats, Floats]:
        """The edges of the steps between two moments, cut to them, and the steps' intensities.

        Returns:
            Edges `(steps + 1,)` in seconds since 1970, and gCO2e/kWh `(steps,)`.
        """
        first = self.step_at(start_s)
        last = self.step_at(end_s - 1e-6)
        edges = self.start_s + np.arange(first, last + 2, dtype=np.float64) * self.step_s
        edges[0], edges[-1] = start_s, end_s
        return edges, self.values[first : last + 1]


def aligned(grids: Sequence[Grid]) -> list[Grid]:
    """The same grids in the finest step among them, cut to the time that all of them cover.

    Raises:
        InvalidInput: their steps do not divide each other, or they have no time in common.
    """
    finest = min(grids, key=lambda one: one.step_s)
    made = [_finer(one, finest) for one in grids]
    start = max(one.start_s for one in made)
    end = min(one.end_s for one in made)
    if end <= start:
        names = ", ".join(one.name for one in grids)
        raise InvalidInput(f"{names} have no time in common: give series of the same time")
    return [_cut(one, start, end) for one in made]


def _finer(grid: Grid, finest: Grid) -> Grid:
    step = finest.step_s
    if grid.step_s % step or (grid.start_s - finest.start_s) % step:
        raise InvalidInput(
            f"the steps of {grid.name} ({grid.step_s} s) do not fit those of {finest.name} "
            f"({step} s): bring them to one step"
        )
    values = np.repeat(grid.values, grid.step_s // step)
    return Grid(grid.zone, grid.start_s, step, values, grid.name)


def _cut(grid: Grid, start_s: int, end_s: int) -> Grid:
    first = (start_s - grid.start_s) // grid.step_s
    last = (end_s - grid.start_s) // grid.step_s
    return Grid(grid.zone, start_s, grid.step_s, grid.values[first:last], grid.name)
