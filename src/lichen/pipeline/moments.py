"""Dates and times in texts as features: the parts of a calendar, and the days that went by."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray

from lichen.core.clock import parse_rfc3339
from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Moment

_SECONDS_PER_DAY = 86_400.0


def _hour(moment: datetime) -> float:
    return moment.hour + moment.minute / 60 + moment.second / 3600


_PARTS: Mapping[str, Callable[[datetime], float]] = {
    "year": lambda moment: float(moment.year),
    "month": lambda moment: float(moment.month),
    "day": lambda moment: float(moment.day),
    "weekday": lambda moment: float(moment.weekday()),
    "hour": _hour,
}
_CYCLES: Mapping[str, tuple[float, float]] = {
    "month": (1.0, 12.0),
    "weekday": (0.0, 7.0),
    "hour": (0.0, 24.0),
}
"""Where each cycle starts, and how long it is."""
ELAPSED = "elapsed"
PARTS = (*_PARTS, ELAPSED)


def part_names(said: Moment) -> list[str]:
    """The features that a moment becomes, in their order, such as `month.sine`."""
    names = []
    for part in said.parts:
        is_cycle = said.is_cyclic and part in _CYCLES
        names += [f"{part}.sine", f"{part}.cosine"] if is_cycle else [part]
    return names


def parsed(text: str) -> datetime:
    """A date or time as it is written in ISO 8601; without an offset it is UTC.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


class MomentEncoding:
    """A `Moment`, prepared."""

    def __init__(self, said: Moment, start: int) -> None:
        """Prepare it; its features begin at `start`.

        Raises:
            InvalidInput: it names a part that there is none of, or its scales do not fit.
        """
        unknown = [part for part in said.parts if part not in PARTS]
        width = len(part_names(said))
        if unknown or (said.scales and len(said.scales) != width):
            raise InvalidInput(
                f"column {said.column!r} is parted into what no moment has: its parts are "
                f"{', '.join(PARTS)}, with a scale for each feature or none"
            )
        if any(scale == 0 for _, scale in said.scales):
            raise InvalidInput(f"column {said.column!r} has a part scaled by 0: train it again")
        try:
            self._origin = parse_rfc3339(said.origin)
        except ValueError as error:
            raise InvalidInput(f"column {said.column!r} counts from no time: {error}") from error
        self._said = said
        self._scales = said.scales or [(0.0, 1.0)] * width
        self._place = slice(start, start + width)
        self._fill = [np.nan if said.fill is None else said.fill] * width

    def fill(self, cells: Sequence[bytes], features: NDArray[np.float32]) -> None:
        """Write the features of some rows.

        Raises:
            InvalidInput: a cell is no date or time; the message names its row.
        """
        known: dict[bytes, list[float]] = {}  # a date stands in many rows of a table
        for row, cell in enumerate(cells):
            if cell not in known:
                known[cell] = self._row(cell, row)
        features[:, self._place] = [known[cell] for cell in cells]

    def put(self, cell: bytes, row: list[float]) -> None:
        """Write the features of one row.

        Raises:
            InvalidInput: the cell is no date or time.
        """
        row[self._place] = self._row(cell, 0)

    def _row(self, cell: bytes, row: int) -> list[float]:
        if not cell:
            return self._fill
        try:
            moment = parsed(cell.decode())
        except ValueError as error:
            raise InvalidInput(
                f"row {row} holds no date or time in column {self._said.column!r}: write it as "
                "2026-01-31 or 2026-01-31T12:00:00Z"
            ) from error
        values: list[float] = []
        for part in self._said.parts:
            values += self._values(part, moment)
        return [
            (value - centre) / scale
            for value, (centre, scale) in zip(values, self._scales, strict=True)
        ]

    def _values(self, part: str, moment: datetime) -> Sequence[float]:
        if part == ELAPSED:
            return ((moment - self._origin).total_seconds() / _SECONDS_PER_DAY,)
        value = _PARTS[part](moment)
        if not (self._said.is_cyclic and part in _CYCLES):
            return (value,)
        first, length = _CYCLES[part]
        angle = 2 * pi * (value - first) / length
        return sin(angle), cos(angle)
