"""A table's rows as regular channels in time: what every candidate is fitted on."""

from dataclasses import dataclass, replace
from datetime import UTC

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.schema import missing_column
from lichen.data.table import Table
from lichen.training.forecasts.spec import ForecastSpec

DAY_SECONDS = 86_400
MOST_MISSING = 0.2
"""Share of a target's rows that may be missing; beyond it there is nothing honest to learn from."""


@dataclass(frozen=True, slots=True)
class Channels:
    """Targets and known covariates at every step; what was missing is filled.

    Attributes:
        times: datetime64[s], UTC, `(rows,)`, one step apart.
        values: float64 `(rows, channels)`.
        known: float64 `(rows, covariates)`.
        names: what each channel is called: the target, or `target[series]` in a panel.
        units: unit of each channel.
        step_seconds: seconds from one row to the next.
        gaps: bool `(rows, channels)`, which cells were missing and were filled from the same time
            the day before: they are fitted on, and never scored.
    """

    times: NDArray[np.datetime64]
    values: NDArray[np.float64]
    known: NDArray[np.float64]
    names: tuple[str, ...]
    units: tuple[str | None, ...]
    step_seconds: int
    gaps: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def day(self) -> int:
        """Steps in a day; 1 where a step is a day or longer."""
        return max(1, DAY_SECONDS // self.step_seconds)

    def head(self, rows: int) -> "Channels":
        """The first `rows` rows."""
        return replace(
            self,
            times=self.times[:rows],
            values=self.values[:rows],
            known=self.known[:rows],
            gaps=self.gaps[:rows],
        )


def channels_of(table: Table, spec: ForecastSpec) -> Channels:
    """The table's rows up to the last stated moment, as regular channels.

    Raises:
        InvalidInput: a column is missing or empty, times are not regular, or a covariate is not
            known everywhere; one sentence says which and what to do.
    """
    _times(table)
    last = spec.test_until or spec.validate_until or spec.train_until
    seen = table.until(last) if last is not None else table
    _check_columns(seen, spec)
    if len(seen) < 2:
        raise InvalidInput(
            f"only {len(seen)} rows remain of {len(table)} before the stated times: "
            "state later ones, or add rows"
        )
    times, values, names, units = _pivoted(seen, spec)
    step_seconds = _step_of(times)
    _check_reach(spec, times[-1] + np.timedelta64(step_seconds, "s"))
    day = max(1, DAY_SECONDS // step_seconds)
    kept = _recorded(values)
    known = _known(seen, spec, times)[kept]
    gaps = ~np.isfinite(values[kept])
    return Channels(
        times[kept], _filled(values[kept], day), known, names, units, step_seconds, gaps
    )


def _recorded(values: NDArray[np.float64]) -> slice:
    """From the first to the last row that has every target.

    Rows after it hold at most what is known ahead; there is no truth in them to fill or to score.
    """
    whole = np.flatnonzero(np.isfinite(values).all(axis=1))
    if len(whole) == 0:
        raise InvalidInput("no row has every target: leave one of them out, or complete the rows")
    return slice(int(whole[0]), int(whole[-1]) + 1)


def _times(table: Table) -> NDArray[np.datetime64]:
    if table.times is None:
        raise InvalidInput(
            "the dataset has no time column: a forecast needs one; add the data again with times"
        )
    return table.times


def _check_reach(spec: ForecastSpec, end: np.datetime64) -> None:
    """Rows are fitted on up to `train_until`: stating a time that none reaches is a mistake."""
    if (
        spec.train_until is not None
        and np.datetime64(spec.train_until.astimezone(UTC).replace(tzinfo=None)) > end
    ):
        raise InvalidInput(
            f"train_until ({spec.train_until:%Y-%m-%dT%H:%MZ}) is after the last row: state a time "
            f"up to {end}Z, or leave it out"
        )


def _check_columns(table: Table, spec: ForecastSpec) -> None:
    for role, names in (("target", spec.targets), ("known-ahead column", spec.known)):
        for name in names:
            if name not in table.names:
                raise InvalidInput(f"{role}: {missing_column(name, table.names)}")
            table.column(name)
    if spec.series is not None and spec.series not in table.names:
        raise InvalidInput(f"series: {missing_column(spec.series, table.names)}")


def _pivoted(
    table: Table, spec: ForecastSpec
) -> tuple[NDArray[np.datetime64], NDArray[np.float64], tuple[str, ...], tuple[str | None, ...]]:
    """Times, values `(rows, channels)`, channel names and units; one channel a target a series."""
    unit_of = {column.name: column.unit for column in table.columns}
    parts = _series(table, spec)
    times = _times(next(iter(parts.values())))
    columns: dict[str, NDArray[np.float64]] = {}
    units: list[str | None] = []
    for label, part in parts.items():
        if not np.array_equal(_times(part), times):
            raise InvalidInput(
                f"series {label!r} does not have the same times as the others: "
                "give every series the same rows"
            )
        for target in spec.targets:
            name = f"{target}[{label}]" if label else target
            columns[name] = part.column(target)
            _check_target(columns[name], name)
            units.append(unit_of[target])
    return times, np.column_stack(list(columns.values())), tuple(columns), tuple(units)


def _series(table: Table, spec: ForecastSpec) -> dict[str, Table]:
    """The panel's series by label in order; one, with an empty label, where there is no panel."""
    if spec.series is None:
        return {"": table}
    labels = np.array([str(label) for label in table.arrays[spec.series]])
    return {str(label): table.where(labels == label) for label in np.unique(labels)}


def _check_target(values: NDArray[np.float64], name: str) -> None:
    missing = float(np.mean(~np.isfinite(values)))
    if missing == 1:
        raise InvalidInput(f"target {name!r} holds no number at all: name another column")
    if missing > MOST_MISSING:
        raise InvalidInput(
            f"target {name!r} is missing in {missing * 100:.0f} % of the rows, over the "
            f"{MOST_MISSING * 100:.0f} % that can be filled: add the missing rows"
        )


def _step_of(times: NDArray[np.datetime64]) -> int:
    """Seconds between rows.

    Raises:
        InvalidInput: rows repeat, or are not evenly spaced.
    """
    gaps = np.diff(times).astype("timedelta64[s]").astype(np.int64)
    step = int(np.median(gaps))
    wrong = np.flatnonzero(gaps != step)
    if len(wrong) == 0 and step > 0:
        return step
    where = int(wrong[0]) if len(wrong) else 0
    raise InvalidInput(
        f"times are not regular: {moment_text(times[where + 1])} follows "
        f"{moment_text(times[where])} where rows are {step} s apart; "
        "`lichen data check` lists such places: complete the rows and add the data again"
        + ("" if step > 0 else ", or name the column that tells the series apart with --series")
    )


def _known(table: Table, spec: ForecastSpec, times: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Covariates `(rows, covariates)`; in a panel they must agree between the series."""
    parts = list(_series(table, spec).values())
    known = parts[0].matrix(spec.known)
    for part in parts[1:]:
        if not np.array_equal(part.matrix(spec.known), known, equal_nan=True):
            raise InvalidInput(
                "a known-ahead column differs between the series of the panel: "
                "only covariates that all series share can be used"
            )
    gaps = ~np.isfinite(known)
    if gaps.any():
        row, column = (int(place[0]) for place in np.nonzero(gaps))
        raise InvalidInput(
            f"known-ahead column {spec.known[column]!r} has no number at "
            f"{moment_text(times[row])}: fill it, or leave the column out"
        )
    return known


def _filled(values: NDArray[np.float64], day: int) -> NDArray[np.float64]:
    """Missing cells from the same time the day before, else from the row before: never later."""
    filled = np.array(values, dtype=np.float64)
    rows, columns = np.nonzero(~np.isfinite(filled))
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        filled[row, column] = filled[row - day if row >= day else row - 1, column]
    return filled


def moment_text(moment: np.datetime64) -> str:
    """A time of the index as RFC 3339."""
    return f"{np.datetime_as_string(moment, unit='s')}Z"
