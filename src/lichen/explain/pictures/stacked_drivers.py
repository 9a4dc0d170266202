"""What drives a forecast, stacked at each step; letters tell the drivers apart without colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10

from lichen.explain.pictures.bars import heading, named
from lichen.explain.pictures.scene import (
    GRID,
    INK,
    PALE,
    SERIES,
    Box,
    Label,
    Line,
    Scene,
    Shape,
    shortened,
    signed,
)
from lichen.protocol.explaining import Attribution, ExplainedRow, Explanation

_WIDTH, _LEFT, _RIGHT, _TOP, _PLOT = 960.0, 84.0, 300.0, 70.0, 340.0
_MOST_SHOWN = 7
_LEAST_LETTER = 12.0
_TICKS = 6


@dataclass(frozen=True, slots=True)
class _Driver:
    """A driver or several: its letter, name, colour, and contribution at each step."""

    letter: str
    name: str
    colour: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Axis:
    """From a value to pixels from the top."""

    low: float
    high: float

    def y(self, value: float) -> float:
        return _TOP + _PLOT * (self.high - value) / (self.high - self.low)


def stacked_drivers(told: Explanation, row: ExplainedRow) -> Scene:
    """All steps of one target."""
    drivers, steps = _drivers(row), row.attributions
    target = steps[0].output.rpartition(" +")[0]
    unit = f" ({told.unit})" if told.unit else ""
    title = f"{target}{unit}: what makes {len(steps)} steps differ from the reference"
    scene = Scene(_WIDTH, _TOP + _PLOT + 62, title)
    scene.shapes.extend(heading(title, told.sums_to))
    axis = _axis(drivers, len(steps))
    scene.shapes.extend(_grid(axis))
    across = (_WIDTH - _LEFT - _RIGHT) / max(len(steps), 1)
    for number in range(len(steps)):
        scene.shapes.extend(_stack(drivers, number, axis, across))
    scene.shapes.extend(_net(steps, axis, across))
    scene.shapes.extend(_steps(steps, across))
    scene.shapes.extend(_legend(drivers, steps))
    return scene


def _drivers(row: ExplainedRow) -> list[_Driver]:
    """The largest by what they count over all steps; the others as one."""
    columns = list(zip(*(one.contributions for one in row.attributions), strict=True))
    sizes = [sum(abs(value) for value in column) for column in columns]
    order = sorted(range(len(columns)), key=lambda at: -sizes[at])
    most = _MOST_SHOWN if len(columns) > _MOST_SHOWN + 1 else _MOST_SHOWN + 1
    shown = sorted(order[:most])
    rest = [columns[at] for at in order[most:]]
    made = [
        _Driver(chr(ord("A") + number), named(row.parts[at]), SERIES[number], columns[at])
        for number, at in enumerate(shown)
    ]
    if rest:
        summed = tuple(sum(values) for values in zip(*rest, strict=True))
        letter = chr(ord("A") + len(made))
        made.append(_Driver(letter, f"{len(rest)} others", SERIES[len(made)], summed))
    return made


def _axis(drivers: Sequence[_Driver], steps: int) -> _Axis:
    above = [sum(max(one.values[at], 0.0) for one in drivers) for at in range(steps)]
    below = [sum(min(one.values[at], 0.0) for one in drivers) for at in range(steps)]
    low, high = min(below, default=0.0), max(above, default=0.0)
    room = 0.04 * (high - low) or 1.0
    return _Axis(low - room, high + room)


def _grid(axis: _Axis) -> list[Shape]:
    shapes: list[Shape] = []
    each = _nice((axis.high - axis.low) / _TICKS)
    for number in range(ceil(axis.low / each), floor(axis.high / each) + 1):
        y = axis.y(number * each)
        shapes.append(Line(_LEFT, y, _WIDTH - _RIGHT, y, INK if number == 0 else GRID))
        told = "0" if number == 0 else _told(number * each)
        shapes.append(Label(_LEFT - 8, y + 4, told, 11, "end", PALE))
    return shapes


def _told(value: float) -> str:
    return f"{value:+.6g}".replace("-", "\u2212")


def _nice(step: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** floor(log10(step)) if step > 0 else 1.0
    return next(power * times for times in (1, 2, 5, 10) if power * times >= step)


def _stack(drivers: Sequence[_Driver], number: int, axis: _Axis, across: float) -> list[Shape]:
    shapes: list[Shape] = []
    up = down = 0.0
    x, width = _LEFT + across * number + 1, max(across - 2, 1)
    for one in drivers:
        value = one.values[number]
        start = up if value >= 0 else down
        top, bottom = axis.y(start + max(value, 0.0)), axis.y(start + min(value, 0.0))
        shapes.append(Box(x, top, width, bottom - top, one.colour))
        if bottom - top >= _LEAST_LETTER and width >= 10:
            middle = (top + bottom) / 2 + 3.5
            shapes.append(Label(x + width / 2, middle, one.letter, 10, "middle"))
        if value >= 0:
            up += value
        else:
            down += value
    return shapes


def _net(steps: Sequence[Attribution], axis: _Axis, across: float) -> list[Shape]:
    """Forecast less reference, as a line with points."""
    points = [
        (_LEFT + across * (at + 0.5), axis.y(sum(one.contributions)))
        for at, one in enumerate(steps)
    ]
    lines: list[Shape] = [Line(*start, *end, INK, 2) for start, end in pairwise(points)]
    return [*lines, *(Box(x - 3, y - 3, 6, 6, INK) for x, y in points)]


def _steps(steps: Sequence[Attribution], across: float) -> list[Shape]:
    every = max(1, ceil(30 / across))
    shapes: list[Shape] = [
        Label(_LEFT + across * (at + 0.5), _TOP + _PLOT + 18, f"+{_number(one)}", 11, "middle")
        for at, one in enumerate(steps)
        if at % every == 0
    ]
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    shapes.append(Label(middle, _TOP + _PLOT + 40, "steps ahead", 11, "middle", PALE))
    return shapes


def _number(one: Attribution) -> str:
    return one.output.rpartition(" +")[2]


def _legend(drivers: Sequence[_Driver], steps: Sequence[Attribution]) -> list[Shape]:
    left, shapes = _WIDTH - _RIGHT + 18, []
    shapes.append(Label(left, _TOP + 6, "mean over the steps", 11, fill=PALE))
    lines: list[Shape] = list(shapes)
    for number, one in enumerate(drivers):
        top = _TOP + 18 + 32 * number
        mean = sum(one.values) / len(one.values)
        lines += [
            Box(left, top, 16, 16, one.colour),
            Label(left + 8, top + 12, one.letter, 10, "middle"),
            Label(left + 24, top + 11, shortened(one.name, 36), 11),
            Label(left + 24, top + 24, signed(mean), 10, fill=PALE),
        ]
    net = sum(sum(one.contributions) for one in steps) / len(steps)
    top = _TOP + 18 + 32 * len(drivers)
    lines += [
        Line(left, top + 8, left + 16, top + 8, INK, 2),
        Box(left + 5, top + 5, 6, 6, INK),
        Label(left + 24, top + 12, f"forecast less reference {signed(net)}", 11),
    ]
    return lines
