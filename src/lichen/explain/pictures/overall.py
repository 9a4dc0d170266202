"""Pictures of a dataset's explanation: importances as bars with intervals, dependence as curves."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, log10

from lichen.explain.pictures.bars import heading
from lichen.explain.pictures.drawing import writer_of
from lichen.explain.pictures.scene import (
    AGAINST,
    FOR,
    GRID,
    INK,
    PALE,
    Box,
    Label,
    Line,
    Scene,
    Shape,
    shortened,
    signed,
)
from lichen.protocol.explaining_data import Curve, DataExplanation, Importance

MOST_BARS = 20
_WIDTH, _LEFT, _RIGHT, _TOP, _BAR = 760.0, 230.0, 90.0, 64.0, 24.0
_HEIGHT, _BOTTOM = 420.0, 64.0
_CURVES_LEFT, _CURVES_RIGHT = 96.0, 28.0
_TICKS = 5
_SHADE, _ROWS = "#cfe3f1", "#8f8f8f"


def drawn_overall(told: DataExplanation, form: str | None) -> list[str]:
    """The pictures: one of all importances, or one of each curve; none without a form.

    Raises:
        InvalidInput: what draws the form is not installed.
    """
    if form is None:
        return []
    write = writer_of(form)
    if told.importances:
        return [write(importance_bars(told))]
    return [write(dependence_curve(told, one)) for one in told.curves]


def importance_bars(told: DataExplanation) -> Scene:
    """How much worse the score gets without each column, with the interval of the repeats."""
    shown = told.importances[:MOST_BARS]
    unit = f" {told.unit}" if told.unit else ""
    title = f"{told.model}: what columns matter to its {told.metric}{unit and ' in' + unit}"
    height = _TOP + _BAR * len(shown) + 34
    scene = Scene(_WIDTH, height, title)
    score = told.score or 0.0
    below = f"growth of the {told.metric} ({score:.4g}{unit}) when a column is shuffled"
    scene.shapes.extend(heading(title, f"{below} \u00b7 {told.rows} rows of {told.data}"))
    least = min(0.0, *(one.low for one in shown))
    most = max(one.high for one in shown) or 1.0
    scale = (_WIDTH - _LEFT - _RIGHT) / ((most - least) or 1.0)
    zero = _LEFT - least * scale
    for number, one in enumerate(shown):
        scene.shapes.extend(_bar(one, _TOP + _BAR * number, (zero, scale)))
    scene.shapes.append(Line(zero, _TOP, zero, height - 30, PALE))
    scene.shapes.append(Label(zero, height - 12, "0", 11, "middle", PALE))
    return scene


def _bar(one: Importance, top: float, across: tuple[float, float]) -> list[Shape]:
    zero, scale = across
    end = zero + one.mean * scale
    low, high = zero + one.low * scale, zero + one.high * scale
    middle = top + _BAR / 2
    whiskers = [
        Line(low, middle, high, middle, INK, 1.2),
        Line(low, middle - 3, low, middle + 3, INK, 1.2),
        Line(high, middle - 3, high, middle + 3, INK, 1.2),
    ]
    return [
        Label(_LEFT - 10, top + 16, shortened(one.column, 27), 12, "end", INK),
        Box(min(zero, end), top + 4, abs(end - zero), _BAR - 8, FOR),
        *whiskers,
        Label(max(high, end, zero) + 6, top + 16, signed(one.mean), 11, "start", INK),
    ]


def dependence_curve(told: DataExplanation, one: Curve) -> Scene:
    """The mean answer by a column's values, the inner 80 % of rows, and some rows alone."""
    unit = f" in {told.unit}" if told.unit else ""
    title = f"{told.model}: {told.output}{unit} by {one.column}"
    title += f" in {one.unit}" if one.unit else ""
    scene = Scene(_WIDTH, _HEIGHT, title)
    below = "thick: the mean; shaded: 80 % of rows; thin: single rows"
    scene.shapes.extend(heading(title, f"{below} \u00b7 {told.rows} rows of {told.data}"))
    frame = _Frame(one)
    scene.shapes.extend(frame.axes(one))
    scene.shapes.extend(frame.steps(one) if frame.is_named else frame.lines(one))
    return scene


class _Frame:
    """Where values of one curve stand in its picture."""

    def __init__(self, one: Curve) -> None:
        self.is_named = any(isinstance(value, str) for value in one.values)
        self._places = self._spaced(one.values)
        every = [*one.low, *one.high, *one.mean, *(said for row in one.rows for said in row)]
        self._ticks = ticks(min(every), max(every))
        self._least, self._most = min(*every, self._ticks[0]), max(*every, self._ticks[-1])

    def lines(self, one: Curve) -> list[Shape]:
        """Of numbers: what lies between, single rows, and the mean over them."""
        thin = [shape for row in one.rows for shape in self._line(row, _ROWS, 0.8)]
        return [*self._shade(one.low, one.high), *thin, *self._line(one.mean, AGAINST, 2.6)]

    def steps(self, one: Curve) -> list[Shape]:
        """Of names, which have no order: a bar for each, and a dash for the mean."""
        reach = 0.3 * (_WIDTH - _CURVES_LEFT - _CURVES_RIGHT) / len(one.values)
        shapes: list[Shape] = []
        for at, place in enumerate(self._places):
            top, bottom = self._height(one.high[at]), self._height(one.low[at])
            shapes.append(Box(place - reach, top, 2 * reach, bottom - top, _SHADE))
            for row in one.rows:
                y = self._height(row[at])
                shapes.append(Line(place - reach / 2, y, place + reach / 2, y, _ROWS, 0.8))
            y = self._height(one.mean[at])
            shapes.append(Line(place - reach, y, place + reach, y, AGAINST, 2.6))
        return shapes

    def axes(self, one: Curve) -> list[Shape]:
        """Lines of even heights with their numbers, and the column's values below."""
        bottom, shapes = _HEIGHT - _BOTTOM, list[Shape]()
        for value in self._ticks:
            y = self._height(value)
            shapes.append(Line(_CURVES_LEFT, y, _WIDTH - _CURVES_RIGHT, y, GRID, 0.6))
            shapes.append(Label(_CURVES_LEFT - 8, y + 4, f"{value:.6g}", 11, "end", PALE))
        for place, said in self._marks(one.values):
            shapes.append(Line(place, bottom, place, bottom + 5, PALE))
            shapes.append(Label(place, bottom + 20, shortened(said, 12), 11, "middle", PALE))
        name = one.column + (f" ({one.unit})" if one.unit else "")
        middle = (_CURVES_LEFT + _WIDTH - _CURVES_RIGHT) / 2
        shapes.append(Label(middle, _HEIGHT - 14, shortened(name, 60), 12, "middle", INK))
        return shapes

    def _line(self, values: Sequence[float], stroke: str, width: float) -> list[Shape]:
        points = list(zip(self._places, map(self._height, values), strict=True))
        return [Line(*first, *then, stroke, width) for first, then in pairwise(points)]

    def _shade(self, low: Sequence[float], high: Sequence[float]) -> list[Shape]:
        """What lies between two lines, in upright strips."""
        strips: list[Shape] = []
        columns = zip(self._places, low, high, strict=True)
        for (x, under, over), (then, next_under, next_over) in pairwise(columns):
            steps = max(1, round((then - x) / 3))
            for step in range(steps):
                share = (step + 0.5) / steps
                top = self._height(over + share * (next_over - over))
                bottom = self._height(under + share * (next_under - under))
                left = x + step * (then - x) / steps
                strips.append(Box(left, top, (then - x) / steps + 0.3, bottom - top, _SHADE))
        return strips

    def _marks(self, values: Sequence[float | str]) -> list[tuple[float, str]]:
        """What is written below: even numbers, or the names, of many some."""
        numbers = [one for one in values if not isinstance(one, str)]
        if not self.is_named:
            even = [one for one in ticks(numbers[0], numbers[-1]) if self._is_within(one, numbers)]
            return [(self._along(one, numbers), f"{one:.6g}") for one in even]
        every = max(1, -(-len(values) // 8))
        named = zip(self._places, values, strict=True)
        return [(place, str(value)) for place, value in list(named)[::every]]

    def _is_within(self, value: float, numbers: Sequence[float]) -> bool:
        return numbers[0] <= value <= numbers[-1]

    def _along(self, value: float, numbers: Sequence[float]) -> float:
        reach = _WIDTH - _CURVES_LEFT - _CURVES_RIGHT
        return _CURVES_LEFT + (value - numbers[0]) / (numbers[-1] - numbers[0]) * reach

    def _spaced(self, values: Sequence[float | str]) -> list[float]:
        """Numbers where they are, texts side by side."""
        numbers = [one for one in values if not isinstance(one, str)]
        if not self.is_named:
            return [self._along(one, numbers) for one in numbers]
        reach = _WIDTH - _CURVES_LEFT - _CURVES_RIGHT
        return [_CURVES_LEFT + (at + 0.5) / len(values) * reach for at in range(len(values))]

    def _height(self, value: float) -> float:
        share = (value - self._least) / (self._most - self._least)
        return _HEIGHT - _BOTTOM - 10 - share * (_HEIGHT - _BOTTOM - 10 - _TOP - 8)


def ticks(least: float, most: float) -> list[float]:
    """Even, round numbers from under the least to over the most, about five of them."""
    span = (most - least) or abs(most) or 1.0
    rough = span / _TICKS
    unit = 10.0 ** floor(log10(rough))
    step = next(one * unit for one in (1, 2, 2.5, 5, 10) if one * unit >= rough)
    first, last = floor(least / step), ceil(most / step)
    return [round(step * number, 12) for number in range(first, last + 1)]
