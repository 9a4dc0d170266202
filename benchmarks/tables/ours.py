"""Lichen's side: `ours.py FOLDER [TRIALS [SECONDS]]`; with trials, a search that nobody stops."""

import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.figures import EnergyFigure, Method
from lichen.core.units import Nanojoules
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, OUTPUT
from lichen.pipeline.encoding import Encoding
from lichen.pipeline.files import read_pipeline
from lichen.pipeline.heads import answering
from lichen.protocol.training import ClassificationTraining, RegressionTraining
from lichen.training.result import TrainingResult
from lichen.training.tables.rows import RawRows
from lichen.training.tables.run import execute
from lichen.training.tables.study import study_of
from lichen.training.watch import NoWatch
from tables.exchange import JOULES_A_CPU_SECOND, columns_of, read_task, write_answer
from tables.untimed import Limits, untimed

LOADED = ("lightgbm", "sklearn.ensemble", "sklearn.svm", "xgboost")
"""What FLAML has loaded before its clock starts is loaded here as well."""


class CpuGauge:
    """Charges this process's CPU time, as the software meter does."""

    ng: int | None = None

    def spent(self) -> EnergyFigure:
        """So far."""
        nj = Nanojoules(int(time.process_time_ns() * JOULES_A_CPU_SECOND))
        return EnergyFigure(nj, nj, nj, Method.MODELLED, "CPU time")


def raw(columns: dict[str, NDArray[Any]], times: NDArray[Any] | None) -> RawRows:
    """The columns as a dataset gives them."""
    made = {}
    for name, column in columns.items():
        if column.dtype.kind == "U":
            cells = np.empty(len(column), dtype=np.object_)
            cells[:] = [cell.encode() for cell in column]
            made[name] = cells
        else:
            made[name] = column.astype(np.float64)
    return RawRows(made, {}, frozenset(), times)


def answered(trained: TrainingResult, rows: RawRows) -> NDArray[np.float64]:
    """What a deployment of the version's files answers to raw rows."""
    pipeline, arrays = read_pipeline(trained.files)
    features = Encoding(pipeline, arrays).encode(rows.tensors(pipeline))
    core = OnnxPredictor(trained.files["model.onnx"])
    raw_answers = core.predict(Batch({INPUT: features}))[OUTPUT]
    if pipeline.head is None:
        raise SystemExit("the pipeline has no head")
    said = answering(pipeline.head).answer(raw_answers)
    name = "probability" if "probability" in said else "prediction"
    return np.asarray(said[name], dtype=np.float64)


def main(folder: Path, limits: Limits | None) -> None:
    """Train and answer."""
    task, arrays = read_task(folder)
    rows = raw({**columns_of(arrays, "fit"), "y": arrays["fit target"]}, arrays.get("fit times"))
    if "fit groups" in arrays:
        rows = raw(
            {**columns_of(arrays, "fit"), "y": arrays["fit target"], "group": arrays["fit groups"]},
            None,
        )
    kind = ClassificationTraining if task["is_classes"] else RegressionTraining
    asked = kind(
        data="table",
        target="y",
        metric=task["metric"],
        test_share=0.0,
        group="group" if "fit groups" in arrays else None,
        seed=task["seed"],
    )
    gauge = CpuGauge()
    for name in LOADED:
        import_module(name)
    before = time.process_time()
    trials, lost_cpu_s = None, 0.0
    if limits is None:
        trained = execute(study_of(asked, rows), NoWatch(), gauge)
    else:
        searched = untimed(study_of(asked, rows), gauge, limits)
        trained, trials, lost_cpu_s = searched.trained, searched.trials, searched.lost_cpu_s
    cpu_s = time.process_time() - before - lost_cpu_s
    chosen = next(one for one in trained.candidates if one.chosen)
    said = {
        "algorithm": trained.algorithm,
        "trials": trials,
        "cpu_s": cpu_s,
        "joules": cpu_s * JOULES_A_CPU_SECOND,
        "nj_per_prediction": chosen.nj_per_prediction,
        "explained": trained.parameters.get("choice"),
        "candidates": [
            [one.algorithm, one.score, (one.nj_to_train or 0) / 1e9] for one in trained.candidates
        ],
    }
    write_answer(folder, said, answered(trained, raw(columns_of(arrays, "score"), None)))


if __name__ == "__main__":
    said = sys.argv[2:]
    main(Path(sys.argv[1]), Limits(int(said[0]), *map(float, said[1:])) if said else None)
