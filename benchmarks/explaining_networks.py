"""What explanations of networks, texts and forecasts cost, as multiples of a prediction.

    python benchmarks/explaining_networks.py

CPU time on one thread, the median of some runs, prediction and explanation in one process; the
multiple is what to keep, the microseconds are this machine's.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version as release
from statistics import median
from time import process_time_ns

import msgspec
import numpy as np

from lichen.core.batch import Batch
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.explain.explainer import LoadedVersion, Wishes
from lichen.explain.methods import Explainers
from lichen.forecasting.declaration import Shape, declared, scaled
from lichen.forecasting.fitting import fit
from lichen.forecasting.panel import Panel
from lichen.forecasting.specification import Specification
from lichen.frameworks.estimators.linear_core import LinearCore
from lichen.frameworks.networks.architecture import Architecture, Convolutional, Residual, laid_out
from lichen.frameworks.networks.graph import network_model
from lichen.frameworks.networks.weights import first_weights
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT, linear_core
from lichen.pipeline.declaration import Classes, Pipeline, Words
from lichen.pipeline.files import pipeline_files
from lichen.serving.forecaster import ForecastAdapter
from lichen.serving.pipelines import PipelineAdapter

RANDOM = np.random.default_rng(11)
RUNS = 7


@dataclass(frozen=True)
class Case:
    """A version, one row of it, and the methods that explain it."""

    name: str
    version: LoadedVersion
    row: Batch
    methods: tuple[str, ...]


def picture(name: str, architecture: Architecture, side: int) -> Case:
    """A network of pictures with its first weights: what it says is nothing, what it costs is."""
    shape = (3, side, side)
    layers = laid_out(architecture, shape, 10)
    content = network_model(layers, first_weights(layers, shape, RANDOM), shape)
    version = LoadedVersion(OnnxPredictor(content), {"model.onnx": content})
    row = Batch({INPUT: RANDOM.standard_normal((1, *shape)).astype(np.float32)})
    return Case(name, version, row, ("occlusion", "integrated-gradients"))


def text(words: int) -> Case:
    """A linear model of 20,000 words and as many runs of characters, three classes."""
    known = [f"w{number}" for number in range(20_000)]
    signs = sorted({word[at : at + 3] for word in known for at in range(len(word) - 2)})
    blocks = {
        "words": Words(
            column="text", terms=known, weights=[1.5] * len(known), projection="words",
            is_directed=False,
        ),
        "signs": Words(
            column="text", analyzer="char", ngrams=(2, 5), terms=signs, weights=[1.1] * len(signs),
            projection="signs", is_directed=False,
        ),
    }  # fmt: skip
    arrays = {
        name: RANDOM.standard_normal((len(one.terms), 3)).astype(np.float32)
        for name, one in blocks.items()
    }
    core = LinearCore(
        np.tile(np.eye(3, dtype=np.float32), (2, 1)), np.zeros(3, np.float32), None, "logit"
    )
    pipeline = Pipeline(encoders=list(blocks.values()), head=Classes(labels=["a", "b", "c"]))
    files = {"model.onnx": core.onnx(), **pipeline_files(pipeline, arrays)}
    version = LoadedVersion(PipelineAdapter().load(files, None), files)
    said = " ".join(f"w{number}" for number in RANDOM.integers(0, 20_000, words))
    row = Batch({"texts": np.array([[said.encode()]], dtype=object)})
    return Case(f"text of {words} words", version, row, ("token-weights", "word-occlusion"))


def forecast() -> Case:
    """A ridge with calendar and temperature, a day ahead from a week."""
    hours = np.arange(24 * 200)
    warm = 15 + 8 * np.sin(hours / 1300) + 4 * np.sin(hours * np.pi / 12)
    load = 5000 + 700 * np.sin(hours * np.pi / 12) + 40 * np.maximum(warm - 18, 0)
    load += RANDOM.normal(0, 40, len(hours))
    panel = Panel(np.datetime64("2026-01-05", "s"), 3600, load[:, None], warm[:, None])
    said = Specification(
        targets=("load",), step_seconds=3600, horizon=24, context=168, units=("MW",),
        known=("temperature",), start_seconds=0,
    )  # fmt: skip
    said = declared(scaled(said, panel), panel, Shape(168, 168))
    table = io.BytesIO()
    np.save(table, np.zeros((1, 24, 1, 9), np.float32))
    files = {
        "model.onnx": linear_core(fit(said, panel, [10.0, 10.0])),
        "forecast.json": msgspec.json.encode(said),
        "quantiles.npy": table.getvalue(),
    }
    outputs = (TensorSpec("mean", Datatype.FP32, (-1, 24, 1)),)
    version = LoadedVersion(ForecastAdapter().load(files, Signature((), outputs)), files)
    row = Batch(
        {
            "history": load[None, -192:-24, None],
            "start": np.array([b"2026-07-22T00:00:00Z"], dtype=object),
            "known": warm[None, -24:, None],
        }
    )
    return Case("forecast of 24 steps, ridge", version, row, ("forecast-drivers",))


def taken_us(work: Callable[[], object]) -> float:
    """The median CPU time of some runs."""
    work()
    took = []
    for _ in range(RUNS):
        start = process_time_ns()
        work()
        took.append((process_time_ns() - start) / 1000)
    return median(took)


def main() -> None:
    """Print the table."""
    cases = (
        picture("picture 32x32, convolutional", Convolutional(), 32),
        picture("picture 28x28, residual", Residual(), 28),
        text(40),
        text(300),
        forecast(),
    )
    print(f"ONNX Runtime {release('onnxruntime')}, NumPy {np.__version__}, one thread\n")
    print("| what | method | model runs | prediction, us | explanation, us | multiple |")
    print("|---|---|---:|---:|---:|---:|")
    for case in cases:
        explainers = Explainers(case.version)
        predicted = taken_us(partial(case.version.predictor.predict, case.row))
        for method in case.methods:
            explainer = explainers.find(method)
            runs = explainer.explain(case.row, Wishes()).model_runs
            took = taken_us(partial(explainer.explain, case.row, Wishes()))
            print(
                f"| {case.name} | {method} | {runs} | {predicted:.0f} | {took:.0f} | "
                f"{took / predicted:.0f} |"
            )


if __name__ == "__main__":
    main()
