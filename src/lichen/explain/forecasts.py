"""Forecasts explained: what made each step differ from a stated reference."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from lichen.core.batch import Batch
from lichen.core.clock import parse_rfc3339
from lichen.core.errors import InvalidInput
from lichen.explain.answers import Floats
from lichen.explain.asking import row_of
from lichen.explain.driver_groups import (
    BIAS,
    Group,
    Moment,
    declared_groups,
    lag_groups,
    usual_features,
)
from lichen.explain.drivers import (
    DEFAULT_SAMPLES,
    Parted,
    parted_by_sets,
    parted_exactly,
    unit_factors,
)
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.forecasting.calendar import local_seconds
from lichen.forecasting.files import FORECAST_FILE, HISTORY, KNOWN, PAST, START
from lichen.forecasting.inputs import (
    Assembled,
    Part,
    assemble,
    part_of,
    parts,
    trailing_mean,
    transform,
    untransform,
)
from lichen.forecasting.specification import DAY_SECONDS, Specification
from lichen.frameworks.gradients.reading import read_graph
from lichen.frameworks.onnx import MODEL_FILE, OnnxPredictor
from lichen.protocol.explaining import (
    MOST_SAMPLES,
    Attribution,
    ExplainedRow,
    Explanation,
    Inner,
)
from lichen.protocol.explaining import Part as Told

DRIVERS = "forecast-drivers"
TRAILING, DAY, WEEK = "trailing-mean", "day-before", "week-before"
REFERENCES = {TRAILING: 0, DAY: 1, WEEK: 7}
"""What a forecast is held against; of a season its days."""
_LOGARITHM = "logarithm"
_ROWS_AT_ONCE = 4096
"""What the core is asked about between two looks at the time."""
_SCALED = "scaled"


def forecast_explainer(version: LoadedVersion) -> "ForecastExplainer | None":
    """It fits every forecaster."""
    if FORECAST_FILE not in version.files:
        return None
    said = msgspec.json.decode(version.files[FORECAST_FILE], type=Specification)
    return ForecastExplainer(version, said)


def linear_weights(content: bytes) -> Floats | None:
    """The matrix of a core that is one product with a matrix; None of any other."""
    graph = read_graph(content)
    if len(graph.nodes) != 1 or graph.nodes[0].kind != "MatMul":
        return None
    weights = graph.constants.get(graph.nodes[0].inputs[1])
    return None if weights is None else weights.astype(np.float64)


@dataclass(frozen=True, slots=True)
class _Reference:
    """What a forecast is held against, as the core sees it.

    Attributes:
        name: of `REFERENCES`.
        even: the level of the history.
        steps: `(horizon,)`.
        rows: of the history that each step of a season repeats; empty of an even one.
    """

    name: str
    even: float
    steps: Floats
    rows: Sequence[int] = ()


class ForecastExplainer:
    """Parts each step of a forecast over lags, calendar, covariates and bias."""

    most_rows = 16

    def __init__(self, version: LoadedVersion, said: Specification) -> None:
        self._said, self._core = said, OnnxPredictor(version.files[MODEL_FILE])
        self._weights = linear_weights(version.files[MODEL_FILE])
        self._predictor = version.predictor
        self._features = self._core.signature.inputs[0].name

    def explain(self, rows: Batch, wishes: Wishes) -> Explanation:
        """See `Explainer`."""
        self._check(wishes)
        found = [self._row(row_of(rows, at), wishes) for at in range(rows.rows)]
        told = [one for row, _ in found for one in row]
        units = {unit for unit in self._said.units if unit}
        return Explanation(
            method=DRIVERS,
            space="value",
            sums_to="base and contributions sum to the forecast of the step; the base is the "
            f"reference, {wishes.baseline or TRAILING}",
            largest_error=max(
                abs(one.base + sum(one.contributions) - one.prediction)
                for row in told
                for one in row.attributions
            ),
            rows=told,
            unit=units.pop() if len(units) == 1 else None,
            notes=self._notes(),
            model_runs=sum(runs for _, runs in found),
        )

    def _check(self, wishes: Wishes) -> None:
        horizon = self._said.horizon
        if wishes.step is not None and not 1 <= wishes.step <= horizon:
            raise InvalidInput(
                f"step {wishes.step} is out of range: this model forecasts steps 1 to {horizon}"
            )
        if wishes.output is not None and wishes.output not in self._said.targets:
            raise InvalidInput(
                f"output {wishes.output!r} is none of this model: there are "
                f"{', '.join(self._said.targets[:20])}"
            )
        if wishes.samples is not None and not 64 <= wishes.samples <= MOST_SAMPLES:
            raise InvalidInput(f"samples is {wishes.samples}: give 64 to {MOST_SAMPLES}")
        self._check_reference(wishes.baseline)

    def _check_reference(self, name: str | None) -> None:
        if name is not None and name not in REFERENCES:
            raise InvalidInput(
                f"baseline {name!r} is none of forecasts: give {', '.join(REFERENCES)}"
            )
        period = self._period(name)
        if period > self._said.context:
            raise InvalidInput(
                f"this model looks at {self._said.context} rows, and {name} is {period} rows back: "
                f"give {TRAILING}"
            )

    def _period(self, name: str | None) -> int:
        """Steps of the season that is repeated; 0 of an even reference."""
        seconds = REFERENCES[name or TRAILING] * DAY_SECONDS
        return -(-seconds // self._said.step_seconds) if seconds else 0

    def _row(self, row: Batch, wishes: Wishes) -> tuple[list[ExplainedRow], int]:
        """One request's row: an explained row for each target."""
        said, arrays = self._said, row.arrays
        start = np.array(
            [np.datetime64(_moment(arrays[START].ravel()[0]), "s")], dtype="datetime64[s]"
        )
        known, past = arrays.get(KNOWN), arrays.get(PAST)
        assembled = assemble(said, arrays[HISTORY], start, known, past)
        part = parts(said)[int(part_of(said, start)[0])]
        none = np.zeros((0, len(said.known)))
        around = Moment(
            int(local_seconds(said.timezone, start)[0]),
            np.zeros((said.horizon, 0)) if known is None else known[0].astype(np.float64),
            none if past is None else past[0].astype(np.float64),
        )
        wishes.deadline.check()
        served = self._predictor.predict(row)["mean"][0].astype(np.float64)
        wanted = [at for at, name in enumerate(said.targets) if wishes.output in (None, name)]
        made, runs = [], 0
        for at in wanted:
            one = _Series(said, at, np.asarray(arrays[HISTORY][0], dtype=np.float64))
            told, asked = self._series(one, assembled, (part, around), wishes, served[:, at])
            made.append(told)
            runs += asked
        return made, runs + 1

    def _series(
        self,
        one: "_Series",
        assembled: Assembled,
        surrounded: tuple[Part, Moment],
        wishes: Wishes,
        served: Floats,
    ) -> tuple[ExplainedRow, int]:
        said, (part, around) = self._said, surrounded
        features = assembled.features[one.number].astype(np.float64)
        level = float(assembled.level[one.number])
        reference = one.reference(wishes.baseline or TRAILING, self._period(wishes.baseline))
        usual = np.zeros(features.size)
        usual[: part.columns.stop] = usual_features(said, part, around, reference.even - level)
        groups = [
            *lag_groups(said, part.columns.start, one.history, one.unit),
            *declared_groups(said, part, around),
        ]
        found = self._parted(features, usual, groups, wishes)
        shares = _less_reference(found.shares, groups, reference, part.columns.start)
        bias = level + found.usual - reference.even
        inner = np.concatenate([shares, bias[None]])
        steps = range(said.horizon) if wishes.step is None else [wishes.step - 1]
        told = one.told(inner, reference, level + found.said, served)
        drivers = [Told(group.name, group.value, group.unit) for group in groups]
        return ExplainedRow([*drivers, Told(BIAS)], [told[step] for step in steps]), found.runs

    def _parted(
        self, features: Floats, usual: Floats, groups: Sequence[Group], wishes: Wishes
    ) -> Parted:
        if self._weights is not None:
            return parted_exactly(self._weights, self._raw, features, usual, groups)
        drawing = (DEFAULT_SAMPLES if wishes.samples is None else wishes.samples, wishes.seed)
        ask = wishes.deadline.before_each(self._raw)

        def raw(asked: Floats) -> Floats:
            parts = range(0, len(asked), _ROWS_AT_ONCE)
            return np.concatenate([ask(asked[at : at + _ROWS_AT_ONCE]) for at in parts])

        return parted_by_sets(raw, features, usual, groups, drawing)

    def _raw(self, features: Floats) -> Floats:
        rows = Batch({self._features: features.astype(np.float32)})
        return np.asarray(next(iter(self._core.predict(rows).values())), dtype=np.float64)

    def _notes(self) -> list[str]:
        notes = [
            "bias: what the model says of an even history on a usual day, less the mean of the "
            "history; each other driver: how far it is from the usual, times what that counts"
        ]
        if self._said.logarithm:
            notes.append(
                "the model computes on the logarithm (`inner`); its shares are shares in the unit "
                "by the logarithmic mean of forecast and reference (LMDI)"
            )
        if self._weights is None:
            notes.append("Shapley values over groups of inputs: the model is not linear")
        return notes


@dataclass(frozen=True, slots=True)
class _Series:
    """One target of one row."""

    said: Specification
    number: int
    rows: Floats

    @property
    def history(self) -> Floats:
        """`(context,)`, in its unit."""
        found: Floats = self.rows[:, self.number]
        return found

    @property
    def unit(self) -> str | None:
        return self.said.units[self.number] if self.said.units else None

    def reference(self, name: str, period: int) -> _Reference:
        """An even history, or the same as a season before."""
        shown = transform(self.said, self.rows)[:, self.number]
        length = self.said.normalisation or self.said.context
        even = float(trailing_mean(shown[None], length)[0])
        if not period:
            return _Reference(name, even, np.full(self.said.horizon, even))
        rows = self.said.context - period + np.arange(self.said.horizon) % period
        return _Reference(name, even, shown[rows], rows.tolist())

    def told(
        self, inner: Floats, reference: _Reference, forecast: Floats, served: Floats
    ) -> list[Attribution]:
        """An attribution for each step, in the unit and in the model's own space."""
        values, usual = self._in_units(forecast), self._in_units(reference.steps)
        scale = self.said.scales[self.number] if self.said.scales else 1.0
        slope = values * scale if self.said.logarithm else np.full(len(values), scale)
        factors = unit_factors(values, usual, forecast, reference.steps, slope)
        space = _LOGARITHM if self.said.logarithm else _SCALED
        return [
            Attribution(
                f"{self.said.targets[self.number]} +{step + 1}",
                float(usual[step]),
                float(served[step]),
                (inner[:, step] * factors[step]).tolist(),
                Inner(
                    space,
                    float(reference.steps[step]),
                    float(forecast[step]),
                    inner[:, step].tolist(),
                ),
            )
            for step in range(self.said.horizon)
        ]

    def _in_units(self, shown: Floats) -> Floats:
        whole = np.zeros((len(shown), len(self.said.targets)))
        whole[:, self.number] = shown
        return np.asarray(untransform(self.said, whole)[:, self.number])


def _less_reference(
    shares: Floats, groups: Sequence[Group], reference: _Reference, first: int
) -> Floats:
    """Shares less what a season that is repeated takes of the lags that it repeats."""
    net = shares.copy()
    for step, row in enumerate(reference.rows):
        owner = next(at for at, one in enumerate(groups) if first + row in one.places)
        net[owner, step] -= reference.steps[step] - reference.even
    return net


def _moment(text: bytes) -> str:
    try:
        return parse_rfc3339(bytes(text).decode()).replace(tzinfo=None).isoformat()
    except ValueError as error:
        raise InvalidInput(f"input {START!r} is no RFC 3339 time: {error}") from error
