"""The ten tables: rows to train on, rows to score on, and what is not to be parted."""
# ruff: noqa: S608 - the SQL names our own files

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

from lichen.evaluation.splits import (
    Fold,
    grouped_positions,
    held_out,
    random_positions,
    stratified_positions,
    timed_positions,
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
TEST_SHARE = 0.25
ROWS = 20_000
Column = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Table:
    """One set; `groups` are never parted, `times` are never foreseen."""

    columns: Mapping[str, Column]
    target: Column
    is_classes: bool
    groups: Column | None = None
    times: Column | None = None
    test: NDArray[np.bool_] | None = None

    @property
    def metric(self) -> str:
        """What every side is told to choose by, and scored by."""
        if not self.is_classes:
            return "R2"
        return "ROC-AUC" if len(np.unique(self.target)) == 2 else "accuracy"

    def split(self, seed: int) -> Fold:
        """Rows to train on, and rows to score on."""
        if self.test is not None:
            return Fold(np.flatnonzero(~self.test), np.flatnonzero(self.test))
        if self.times is not None:
            return held_out(timed_positions(self.times), TEST_SHARE)
        if self.groups is not None:
            return held_out(grouped_positions(self.groups, seed), TEST_SHARE)
        if self.is_classes:
            return held_out(stratified_positions(self.target, seed), TEST_SHARE)
        return held_out(random_positions(len(self.target), seed), TEST_SHARE)


def _sklearn(name: str, *, is_classes: bool) -> Table:
    loaded = getattr(datasets, f"load_{name}")()
    names = [str(one) for one in getattr(loaded, "feature_names", range(loaded.data.shape[1]))]
    columns = {one: loaded.data[:, at].astype(np.float64) for at, one in enumerate(names)}
    return Table(columns, loaded.target.astype(np.float64), is_classes)


def _query(sql: str) -> dict[str, Column]:
    import duckdb  # noqa: PLC0415 - sets of scikit-learn need none

    read = duckdb.sql(sql).fetchnumpy()
    return {name: _plain(column) for name, column in read.items()}


def _plain(column: Any) -> Column:  # noqa: ANN401 - masked or not
    filled = np.ma.getdata(column)
    if filled.dtype == np.object_:
        return np.where(np.ma.getmaskarray(column), "", filled).astype(str)
    if filled.dtype.kind == "M":
        return filled.astype("datetime64[s]")
    return np.where(np.ma.getmaskarray(column), np.nan, filled.astype(np.float64))


def _skab() -> Table:
    """Does the pump loop misbehave? By file: rows of one run are alike."""
    path = SHARED / "skab_v09_part.parquet"
    read = _query(
        f"SELECT * EXCLUDE (datetime, changepoint, __index_level_0__) FROM '{path}' "
        "WHERE anomaly IS NOT NULL ORDER BY file, datetime"
    )
    return Table(
        {name: one for name, one in read.items() if name not in ("file", "anomaly")},
        read["anomaly"],
        is_classes=True,
        groups=read["file"],
    )


def _gecco() -> Table:
    """Is the drinking water as it should be? Every seventh minute, by day."""
    path = SHARED / "gecco2018_water_train.parquet"
    read = _query(f"SELECT *, Time::DATE::VARCHAR AS day FROM '{path}' ORDER BY Time")
    kept = np.linspace(0, len(read["Tp"]) - 1, ROWS).astype(np.int64)
    read = {name: one[kept] for name, one in read.items()}
    return Table(
        {name: one for name, one in read.items() if name not in ("Time", "day", "EVENT")},
        read["EVENT"],
        is_classes=True,
        groups=read["day"],
    )


def _air_quality() -> Table:
    """Carbon monoxide of the same hour by the other sensors, in order of time."""
    lines = (SHARED / "air_quality_uci.csv").read_text().splitlines()
    header = lines[0].split(";")[:15]
    rows = [line.split(";")[:15] for line in lines[1:] if line.split(";")[0]]
    stamps = [f"{row[0][6:]}-{row[0][3:5]}-{row[0][:2]}T{row[1].replace('.', ':')}" for row in rows]
    times = np.array(stamps, dtype="datetime64[s]")
    columns = {}
    for at, name in enumerate(header[2:], 2):
        values = np.array([float(row[at].replace(",", ".")) for row in rows])
        columns[name] = np.where(values == -200, np.nan, values)
    target = columns.pop("CO(GT)")
    there = np.isfinite(target)
    columns["hour"] = (times.astype("datetime64[h]").astype(np.int64) % 24).astype(np.float64)
    return Table(
        {name: one[there] for name, one in columns.items()},
        target[there],
        is_classes=False,
        times=times[there],
    )


def _beijing() -> Table:
    """Fine dust of the next hour by what is measured now, in order of time."""
    path = SHARED / "beijing_multisite_air_to_2016_02.parquet"
    read = _query(
        f'SELECT * FROM (SELECT * EXCLUDE __index_level_0__, lead("PM2.5") OVER (PARTITION BY '
        f"station ORDER BY datetime) AS ahead, hour(datetime) AS hour, month(datetime) AS month "
        f"FROM '{path}') WHERE ahead IS NOT NULL ORDER BY datetime, station"
    )
    kept = np.linspace(0, len(read["ahead"]) - 1, ROWS).astype(np.int64)
    read = {name: one[kept] for name, one in read.items()}
    return Table(
        {name: one for name, one in read.items() if name not in ("ahead", "datetime")},
        read["ahead"],
        is_classes=False,
        times=read["datetime"],
    )


def _claims() -> Table:
    """Is a sentence an environmental claim? The published train and dev parts."""
    parts = {
        part: [
            json.loads(line)
            for line in (SHARED / f"environmental_claims_{part}.jsonl").read_text().splitlines()
        ]
        for part in ("train", "dev")
    }
    every = [*parts["train"], *parts["dev"]]
    test = np.arange(len(every)) >= len(parts["train"])
    return Table(
        {"text": np.array([one["text"] for one in every])},
        np.array([float(one["label"]) for one in every]),
        is_classes=True,
        test=test,
    )


SETS: Mapping[str, Callable[[], Table]] = {
    "breast cancer": lambda: _sklearn("breast_cancer", is_classes=True),
    "wine": lambda: _sklearn("wine", is_classes=True),
    "iris": lambda: _sklearn("iris", is_classes=True),
    "digits": lambda: _sklearn("digits", is_classes=True),
    "diabetes": lambda: _sklearn("diabetes", is_classes=False),
    "SKAB": _skab,
    "GECCO": _gecco,
    "UCI air quality": _air_quality,
    "Beijing PM2.5": _beijing,
    "claims text": _claims,
}
"""By name."""
