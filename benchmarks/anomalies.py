"""What detectors find in real data, and how often they alarm where nothing is wrong.

    python benchmarks/anomalies.py

Tennessee Eastman (Downs and Vogel, 1993; the data of Russell, Chiang and Braatz): fitted on the
training run without a fault, asked about the test runs of faults 0 to 10, whose fault begins at row
160. SKAB (Katser and Kozitsin, 2020): each run with anomalies by a detector fitted on its first 400
rows, as its authors do. GECCO 2018: fitted on the first half of the minutes, asked about the other.
Each detector is trained as `lichen train anomaly` would for a false-alarm rate of 1 %, and judges
by the core that is served.
"""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import duckdb
import numpy as np
import sklearn
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.ids import Digest
from lichen.data.dataset import DatasetVersion
from lichen.data.options import IngestOptions
from lichen.data.schema import Column, Dtype, Schema
from lichen.data.table import Table
from lichen.evaluation.alarms import (
    area_under_roc,
    average_precision,
    detection_delays,
    share,
)
from lichen.protocol.training import AnomalyTraining
from lichen.serving.pipelines import PipelineAdapter
from lichen.training.anomalies.portfolio import TITLES
from lichen.training.anomalies.task import train_anomaly
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult
from lichen.training.watch import NoGauge, NoWatch

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RATE = 0.01
FAULT_BEGINS = 160
SKAB_USUAL = 400
ASKED_AT_ONCE = 4096
PUBLISHED: Mapping[str, tuple[float, ...]] = {
    "PCA T2": (0.992, 0.980, 0.002, 0.044, 0.225, 0.989, 0.915, 0.966, 0.006, 0.334),
    "PCA SPE": (0.997, 0.986, 0.009, 0.962, 0.254, 1.000, 1.000, 0.976, 0.019, 0.341),
    "DPCA T2": (0.994, 0.981, 0.009, 0.061, 0.242, 0.987, 0.841, 0.972, 0.005, 0.420),
    "DPCA SPE": (0.995, 0.985, 0.010, 1.000, 0.252, 1.000, 1.000, 0.975, 0.006, 0.335),
}
"""Detection rates, 1 - missed, of faults 1 to 10: Chiang, Russell and Braatz, "Fault Detection and
Diagnosis in Industrial Systems", Springer (2001), chapter 8, thresholds set for 1 % on the
fault-free test run."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a data set, in their order.

    Attributes:
        name: of the set.
        values: `(rows, columns)`.
        truth: which rows are anomalous.
        runs: the run of each row.
        is_fitted: the usual rows to train on.
        is_by_run: whether each run has a detector of its own.
    """

    name: str
    values: Numbers
    truth: NDArray[np.bool_]
    runs: NDArray[np.int64]
    is_fitted: NDArray[np.bool_]
    is_by_run: bool = False

    def where(self, mask: NDArray[np.bool_]) -> "Rows":
        """Some of the rows."""
        return Rows(
            self.name, self.values[mask], self.truth[mask], self.runs[mask], self.is_fitted[mask]
        )


def read(file: str, query: str) -> dict[str, NDArray[Any]]:
    """Columns of a query over a Parquet file, called `rows` in it."""
    with duckdb.connect() as connection:
        asked = query.replace("rows", f"read_parquet('{DATA / file}')")
        return dict(connection.execute(asked).fetchnumpy())


def tennessee() -> Rows:
    found = read(
        "tep_braatz_faults_00_10.parquet",
        "SELECT * EXCLUDE __index_level_0__ FROM rows WHERE fault = 0 OR split = 'test' "
        "ORDER BY split DESC, fault, step",
    )
    is_train = found["split"].astype(str) == "train"
    truth = (found["fault"] > 0) & (found["step"] >= FAULT_BEGINS)
    runs = np.where(is_train, 0, found["fault"] + 1)
    return Rows("Tennessee Eastman", _matrix(found, "X"), truth, runs, is_train)


def skab() -> Rows:
    found = read(
        "skab_v09_part.parquet",
        "SELECT * EXCLUDE (__index_level_0__, changepoint) FROM rows ORDER BY file, datetime",
    )
    files = found["file"].astype(str)
    _, runs = np.unique(files, return_inverse=True)
    truth = np.ma.filled(np.ma.masked_invalid(found["anomaly"]), 0.0) == 1
    names = [one for one in found if one not in ("file", "datetime", "anomaly")]
    values = np.column_stack([_plain(found[one]) for one in names])
    runs = runs.astype(np.int64)
    is_first = np.arange(len(runs)) - _first(runs) < SKAB_USUAL
    has_truth = np.isin(runs, np.unique(runs[truth]))
    whole = Rows("SKAB", values, truth, runs, is_first & ~truth).where(has_truth)
    return replace(whole, is_by_run=True)


def gecco() -> Rows:
    found = read("gecco2018_water_train.parquet", "SELECT * FROM rows ORDER BY Time")
    names = [one for one in found if one not in ("Time", "EVENT")]
    truth = _plain(found["EVENT"]) == 1
    is_early = np.arange(len(truth)) < len(truth) // 2
    values = np.column_stack([_plain(found[one]) for one in names])
    return Rows("GECCO 2018", values, truth, np.zeros(len(truth), np.int64), is_early & ~truth)


def _matrix(found: Mapping[str, NDArray[Any]], start: str) -> Numbers:
    return np.column_stack([_plain(found[one]) for one in found if one.startswith(start)])


def _plain(values: NDArray[Any]) -> Numbers:
    return np.asarray(np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan))


@dataclass(frozen=True, slots=True)
class Judged:
    """What a trained detector says of every row, and what it cost.

    Attributes:
        score: `(rows, statistics)`; over 1 is an alarm.
        train_s: CPU-seconds of the training.
        row_us: CPU microseconds of a row, judged alone.
    """

    score: Numbers
    train_s: float
    row_us: float


def judged(rows: Rows, algorithm: str) -> Judged:
    """Train on the usual rows, ask about all."""
    if rows.is_by_run:
        each = [judged(rows.where(rows.runs == one), algorithm) for one in np.unique(rows.runs)]
        return Judged(
            np.concatenate([one.score for one in each]),
            sum(one.train_s for one in each),
            median(one.row_us for one in each),
        )
    asked = AnomalyTraining(
        data="rows", group="run", algorithm=algorithm, false_alarms=RATE, seed=0
    )
    began = process_time()
    trained = train_anomaly(
        asked, materials(rows.values[rows.is_fitted], rows.runs[rows.is_fitted])
    )
    took = process_time() - began
    return _asked(rows, trained, took)


def _asked(rows: Rows, trained: TrainingResult, took: float) -> Judged:
    predictor = PipelineAdapter().load(trained.files, trained.signature)
    (takes,) = trained.signature.inputs
    values = rows.values[:, [int(name[1:]) for name in takes.columns]]
    if len(takes.shape) == 3:
        values = windows(values, rows.runs, takes.shape[1])
    scores = [
        predictor.predict(Batch({takes.name: values[at : at + ASKED_AT_ONCE]}))["score"]
        for at in range(0, len(values), ASKED_AT_ONCE)
    ]
    alone = Batch({takes.name: values[:1]})
    costs = []
    for _ in range(7):
        began = process_time()
        for _ in range(100):
            predictor.predict(alone)
        costs.append((process_time() - began) / 100)
    return Judged(np.concatenate(scores), took, 1e6 * median(costs))


def windows(values: Numbers, runs: NDArray[np.int64], length: int) -> Numbers:
    """Each row after those before it in its run."""
    here, first = np.arange(len(values)), _first(runs)
    return np.stack([values[np.maximum(here - lag, first)] for lag in range(length - 1, -1, -1)], 1)


def _first(runs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first row of each row's run."""
    starts = np.flatnonzero(np.concatenate([[True], np.diff(runs) != 0]))
    return np.repeat(starts, np.diff([*starts, len(runs)]))


def materials(values: Numbers, runs: NDArray[np.int64]) -> Materials:
    """What a training job is handed."""
    arrays: dict[str, NDArray[Any]] = {f"x{at}": column for at, column in enumerate(values.T)}
    arrays["run"] = runs.astype(np.float64)
    dataset = dataset_of(tuple(Column(name, Dtype.NUMBER) for name in arrays), len(values))

    def taken(columns: Any, until: datetime | None = None) -> Table:  # noqa: ANN401, ARG001
        chosen = tuple(one for one in dataset.schema if columns is None or one.name in columns)
        return Table(None, chosen, {one.name: arrays[one.name] for one in chosen})

    return Materials(dataset, taken, lambda: Path(), NoWatch(), NoGauge(), Path())


def dataset_of(columns: tuple[Column, ...], rows: int) -> DatasetVersion:
    """A dataset that nobody stored."""
    none = Digest("0" * 64)
    return DatasetVersion(
        name="rows", version=1, schema=Schema(columns), rows=rows, frequency=None,
        step_seconds=None, timezone="UTC", start=None, end=None, series=(), source="",
        source_digest=none, parquet_digest=none, parquet_bytes=0, findings=(), profile=(),
        options=IngestOptions(), parent=None, created_at=datetime.now(UTC),
    )  # fmt: skip


def of_faults(rows: Rows, found: Judged) -> Iterator[str]:
    """Detection rates of faults 1 to 10."""
    alarms = found.score.max(axis=1) > 1
    for fault in range(1, 11):
        yield f"{alarms[(rows.runs == fault + 1) & rows.truth].mean():.3f}"


def row_of(rows: Rows, name: str, found: Judged) -> str:
    """One line of the table, on the rows that were not fitted on."""
    asked = ~rows.is_fitted
    severity, truth = found.score.max(axis=1)[asked], rows.truth[asked]
    alarms = severity > 1
    false = share(int(alarms[~truth].sum()), int((~truth).sum()))
    hit = share(int(alarms[truth].sum()), int(truth.sum()))
    roc, precision = area_under_roc(severity, truth), average_precision(severity, truth)
    delays = detection_delays(alarms, truth, rows.runs[asked])
    cells = [
        name,
        *(
            f"{one.value:.3f} ({one.low:.3f}-{one.high:.3f})"
            for one in (false, hit, roc, precision)
        ),
        f"{len(delays.found)} of {delays.events}",
        f"{median(delays.found):.0f}" if delays.found else "",
        f"{found.train_s:.1f}",
        f"{found.row_us:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


_COLUMNS = (
    "detector",
    "false-alarm rate",
    "detection rate",
    "ROC-AUC",
    "PR-AUC",
    "events found",
    "median delay, rows",
    "CPU-s to train",
    "CPU us a row",
)
HEADING = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"


def main() -> None:
    if not DATA.exists():
        sys.exit(f"{DATA} is not there: this reads the shared data sets")
    print(
        f"{platform.python_version()}, NumPy {np.__version__}, scikit-learn {sklearn.__version__},"
    )
    print(
        f"{os.cpu_count()} threads of {platform.machine()}, false-alarm rate asked for {RATE:.0%}"
    )
    for rows in (tennessee(), skab(), gecco()):
        found = {}
        print(f"\n{rows.name}: {int(rows.is_fitted.sum())} usual rows fitted on, "
              f"{int((~rows.is_fitted).sum())} asked about\n\n{HEADING}")  # fmt: skip
        for algorithm, title in TITLES.items():
            found[algorithm] = judged(rows, algorithm)
            print(row_of(rows, title, found[algorithm]), flush=True)
        if rows.name == "Tennessee Eastman":
            print("\n| detection rate of fault | " + " | ".join(map(str, range(1, 11))) + " |")
            print("|---" * 11 + "|")
            for algorithm, title in TITLES.items():
                print(f"| {title} | {' | '.join(of_faults(rows, found[algorithm]))} |")
            for name, published in PUBLISHED.items():
                print(f"| published: {name} | {' | '.join(f'{one:.3f}' for one in published)} |")


if __name__ == "__main__":
    main()
