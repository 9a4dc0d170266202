"""Rows become regular channels, or a sentence says why not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.schema import Column, Dtype, Role
from lichen.data.table import Table
from lichen.training.forecasts.channels import channels_of
from lichen.training.forecasts.spec import ForecastSpec

START = np.datetime64("2026-01-01T00:00:00", "s")
HOUR = np.timedelta64(3600, "s")
LOAD = ForecastSpec(targets=("load",), horizon=2)


def table(
    rows: int = 72, *, times: NDArray[np.datetime64] | None = None, **arrays: NDArray[Any]
) -> Table:
    values = {"load": np.arange(rows, dtype=np.float64)} | arrays
    return Table(
        START + np.arange(rows) * HOUR if times is None else times,
        tuple(
            Column(
                name,
                Dtype.TEXT if array.dtype == object else Dtype.NUMBER,
                unit="MW" if name == "load" else None,
                role=Role.SERIES if array.dtype == object else Role.FEATURE,
            )
            for name, array in values.items()
        ),
        values,
    )


def with_missing(*places: int, rows: int = 72) -> NDArray[np.float64]:
    values = np.arange(rows, dtype=np.float64)
    values[list(places)] = np.nan
    return values


def test_a_plain_table_becomes_one_channel() -> None:
    channels = channels_of(table(), LOAD)
    assert channels.values[:, 0].tolist() == list(range(72))
    assert (channels.names, channels.units) == (("load",), ("MW",))
    assert (channels.step_seconds, channels.day, int(channels.gaps.sum())) == (3600, 24, 0)


def test_a_missing_value_is_that_of_the_day_before() -> None:
    channels = channels_of(table(load=with_missing(30, 54)), LOAD)
    assert channels.values[[30, 54], 0].tolist() == [6, 6]
    assert channels.gaps.sum() == 2


def test_rows_before_the_first_value_are_left_out() -> None:
    channels = channels_of(table(load=with_missing(0, 1, 5)), LOAD)
    assert channels.values[:5, 0].tolist() == [2, 3, 4, 4, 6]
    assert channels.times[0] == START + 2 * HOUR


def test_rows_that_hold_only_what_is_known_ahead_are_left_out() -> None:
    rows = table(load=with_missing(69, 70, 71), t=np.arange(72.0))
    channels = channels_of(rows, ForecastSpec(targets=("load",), known=("t",), horizon=1))
    assert (len(channels), len(channels.known), int(channels.gaps.sum())) == (69, 69, 0)


def test_targets_that_never_meet_are_refused() -> None:
    rows = table(2, load=np.array([1.0, np.nan]), more=np.array([np.nan, 1.0]))
    with pytest.raises(InvalidInput, match="missing in 50 %"):
        channels_of(rows, ForecastSpec(targets=("load", "more"), horizon=1))


def test_rows_after_the_last_stated_time_are_not_there() -> None:
    cut = ForecastSpec(
        targets=("load",), horizon=2, validate_until=datetime(2026, 1, 2, 12, tzinfo=UTC)
    )
    assert len(channels_of(table(load=with_missing(40, 41)), cut)) == 36


def test_a_panel_becomes_a_channel_for_each_series() -> None:
    times = np.tile(START + np.arange(3) * HOUR, 2)
    labels = np.array(["b", "b", "b", "a", "a", "a"], dtype=object)
    rows = table(6, times=times, site=labels)
    channels = channels_of(rows, ForecastSpec(targets=("load",), horizon=1, series="site"))
    assert channels.names == ("load[a]", "load[b]")
    assert channels.values.tolist() == [[3, 0], [4, 1], [5, 2]]


REPEATED = np.array([START, START, START + HOUR])
UNEVEN = START + np.array([0, 1, 2, 5, 6]) * HOUR


@pytest.mark.parametrize(
    ("rows", "spec", "sentence"),
    [
        (table(), ForecastSpec(targets=("Load",), horizon=1), "no column 'Load': did you mean"),
        (table(), ForecastSpec(targets=("load",), known=("t",), horizon=1), "no column 't'"),
        (table(), ForecastSpec(targets=("load",), series="s", horizon=1), "no column 's'"),
        (table(load=np.full(72, np.nan)), LOAD, "'load' holds no number at all"),
        (table(load=with_missing(*range(20, 60))), LOAD, "missing in 56 % of the rows"),
        (table(3, times=REPEATED), LOAD, "times are not regular"),
        (
            table(5, times=UNEVEN),
            LOAD,
            "2026-01-01T05:00:00Z follows 2026-01-01T02:00:00Z where rows are 3600 s apart",
        ),
        (
            table(t=with_missing(7)),
            ForecastSpec(targets=("load",), known=("t",), horizon=1),
            "'t' has no number at 2026-01-01T07:00:00Z",
        ),
        (Table(None, table().columns, table().arrays), LOAD, "no time column"),
        (
            table(),
            ForecastSpec(
                targets=("load",), horizon=1, validate_until=datetime(2025, 1, 1, tzinfo=UTC)
            ),
            "only 0 rows remain of 72",
        ),
        (
            table(name=np.array(["x"] * 72, dtype=object)),
            ForecastSpec(targets=("name",), horizon=1),
            "holds text",
        ),
    ],
)
def test_what_cannot_be_trained_on_is_refused(
    rows: Table, spec: ForecastSpec, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        channels_of(rows, spec)


def test_series_of_different_times_are_refused() -> None:
    times = np.array([START, START + HOUR, START, START + 2 * HOUR])
    labels = np.array(["a", "a", "b", "b"], dtype=object)
    spec = ForecastSpec(targets=("load",), horizon=1, series="site")
    with pytest.raises(InvalidInput, match="'b' does not have the same times"):
        channels_of(table(4, times=times, site=labels), spec)


def test_covariates_that_differ_between_series_are_refused() -> None:
    times = np.tile(START + np.arange(2) * HOUR, 2)
    labels = np.array(["a", "a", "b", "b"], dtype=object)
    rows = table(4, times=times, site=labels, t=np.arange(4.0))
    spec = ForecastSpec(targets=("load",), known=("t",), horizon=1, series="site")
    with pytest.raises(InvalidInput, match="differs between the series"):
        channels_of(rows, spec)


def test_training_up_to_a_time_that_no_row_reaches_is_refused() -> None:
    def channels(hours: int) -> int:
        until = datetime.fromtimestamp(int(START.astype(int)), UTC) + timedelta(hours=hours)
        spec = ForecastSpec(targets=("load",), horizon=1, train_until=until)
        return len(channels_of(table(4), spec))

    assert channels(3) == 3
    assert channels(4) == 4
    with pytest.raises(InvalidInput, match="is after the last row: state a time up to"):
        channels(5)
