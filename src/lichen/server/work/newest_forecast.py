"""A `batch-predict` job without rows of its own: a forecast from the newest rows of its data."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lichen.control.newest import newest_input
from lichen.core.batch import Array
from lichen.core.clock import rfc3339
from lichen.core.ids import TenantId
from lichen.protocol.admin import NewestInput
from lichen.protocol.columns import PREDICTION
from lichen.protocol.predicting import PredictSpec
from lichen.server.work.job_plane import JobPlane
from lichen.server.work.workbench import Workbench
from lichen.serving.deployment import Deployment
from lichen.serving.ticket import Answer, Query
from lichen.store.failures import storage_failures

NAME = "forecast.csv"


def write_forecast(
    bench: Workbench, spec: PredictSpec, plane: JobPlane, deployment: Deployment, target: Path
) -> int:
    """Write one row for each target and step, with its quantiles; how many.

    Raises:
        InvalidInput: it is no forecaster, or the rows that it needs are not there.
        StorageFailed: the disk is full.
    """
    start = None if spec.start is None else rfc3339(spec.start)
    asked = newest_input(bench.documents, bench.blobs, bench.clock, deployment.reference, start)
    inputs = {one["name"]: _array(one) for one in asked.request["inputs"]}
    answer = plane.ask(Query(deployment.name, inputs, tenant=TenantId(bench.job.tenant)))
    with storage_failures(target), target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_header(asked))
        rows = list(_rows(asked, answer))
        writer.writerows(rows)
    return len(rows)


def _array(tensor: dict[str, Any]) -> Array:
    if tensor["datatype"] == "BYTES":
        texts = np.empty(len(tensor["data"]), dtype=np.object_)
        texts[:] = [text.encode() for text in tensor["data"]]
        return texts.reshape(tensor["shape"])
    return np.array(tensor["data"], dtype=np.float32).reshape(tensor["shape"])


def _header(asked: NewestInput) -> list[str]:
    quantiles = [f"q{round(100 * level)}" for level in asked.quantile_levels]
    return ["time", "target", "unit", PREDICTION, *quantiles]


def _rows(asked: NewestInput, answer: Answer) -> Iterator[list[object]]:
    mean, quantiles = answer.outputs["mean"][0], answer.outputs["quantiles"][0]
    for column, (target, unit) in enumerate(zip(asked.targets, asked.units, strict=True)):
        for step, moment in enumerate(asked.times):
            figures = (mean[step][column], *quantiles[step][column])
            yield [rfc3339(moment), target, unit or "", *(str(one) for one in figures)]
