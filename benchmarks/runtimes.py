"""What a row costs in each form of a model, and which form the data plane would choose.

    python benchmarks/runtimes.py                  trees and an encoder
    python benchmarks/runtimes.py --with-tl2cgen   also tl2cgen's code: a minute to build

CPU-seconds of the calling thread per 1000 rows, one thread each, medians of 5 passes in which the
forms take turns over the same 256 distinct batches (32 of 256 rows). Exit code 1 when the form
chosen costs more than 1.25 times the cheapest one.
"""

import logging
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import xgboost
from numpy.typing import NDArray
from transformer import WINDOW, transformer

from lichen.core.batch import Batch
from lichen.frameworks.alternatives import cheapest_form
from lichen.frameworks.base import Predictor
from lichen.frameworks.boosting import read_lightgbm
from lichen.frameworks.foreign_forest import ForeignForest
from lichen.frameworks.forest_writer import forest_model
from lichen.frameworks.kernel import kernel
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_trees import read_forest
from lichen.frameworks.openvino import OpenVinoPredictor
from lichen.frameworks.runtimes import Runtimes
from lichen.frameworks.trees import TreePredictor
from lichen.frameworks.xgboost import read_xgboost

FEATURES, TREES, PASSES = 20, 300, 5
MOST_TIMES_BEST = 1.25
Rows = NDArray[np.float32]
Runs = Mapping[str, Callable[[Rows], object]]
Costs = dict[str, list[float]]


def table() -> tuple[Rows, NDArray[np.float64]]:
    """20,000 rows of 20 columns, and what is to be learned."""
    random = np.random.default_rng(0)
    rows = random.normal(size=(20_000, FEATURES)).astype(np.float32)
    target = rows[:, 0] * rows[:, 1] + np.sin(2 * rows[:, 2]) + rows[:, 3]
    return rows, target.astype(np.float64)


def boosters() -> dict[str, tuple[ForeignForest, bytes]]:
    rows, target = table()
    leaves = {"objective": "regression", "num_leaves": 31, "num_threads": 1, "verbosity": -1}
    light = lightgbm.train(leaves, lightgbm.Dataset(rows, target), TREES)
    depth = {"max_depth": 6, "nthread": 1}
    extreme = xgboost.train(depth, xgboost.DMatrix(rows, target, nthread=1), TREES)
    text, saved = light.model_to_string().encode(), bytes(extreme.save_raw("json"))
    return {
        f"LightGBM {TREES} x 31": (read_lightgbm(text), text),
        f"XGBoost {TREES} x depth 6": (read_xgboost(saved), saved),
    }


def measured(runs: Runs, width: int, sizes: Sequence[int]) -> Costs:
    """CPU-seconds per 1000 rows of each form, one figure a size."""
    costs: Costs = {name: [] for name in runs}
    for size in sizes:
        random = np.random.default_rng(size)
        many = 256 if size * width < 2000 else 32
        batches = [random.normal(size=(size, width)).astype(np.float32) for _ in range(many)]
        passes: Costs = {name: [] for name in runs}
        for _ in range(PASSES):
            for name, run in runs.items():
                run(batches[0])
                started = time.thread_time()
                for batch in batches:
                    run(batch)
                passes[name].append((time.thread_time() - started) / (size * many) * 1000)
        for name, figures in passes.items():
            costs[name].append(statistics.median(figures))
    return costs


def chosen(served: Predictor, size: int) -> str:
    """The name of the form that runs batches of this size."""
    if isinstance(served, Runtimes):
        return next(one.name for one in served.choices if one.rows is None or size <= one.rows)
    kinds = {TreePredictor: "compiled", OnnxPredictor: "onnxruntime", OpenVinoPredictor: "openvino"}
    return kinds[type(served)]  # type: ignore[index]


def told(name: str, costs: Costs, served: Predictor, sizes: Sequence[int]) -> int:
    """Print one table; the sizes at which another form would have been much cheaper."""
    print(f"\n{name}: CPU-seconds per 1000 rows")
    print(f"{'rows a batch':24s}" + "".join(f"{size:>12d}" for size in sizes))
    for form, figures in costs.items():
        print(f"{form:24s}" + "".join(f"{figure:12.4f}" for figure in figures))
    winners = [chosen(served, size) for size in sizes]
    print(f"{'chosen':24s}" + "".join(f"{winner:>12s}" for winner in winners))
    missed = 0
    for at, winner in enumerate(winners):
        comparable = {form: figures[at] for form, figures in costs.items() if form in SERVED}
        missed += comparable[winner] > MOST_TIMES_BEST * min(comparable.values())
    return missed


SERVED = ("onnxruntime", "compiled", "openvino")
"""The forms that the data plane chooses among; the others are shown beside them."""


def trees(folder: Path, *, with_tl2cgen: bool) -> int:
    sizes, missed = (1, 8, 32, 256), 0
    for name, (forest, saved) in boosters().items():
        content = forest_model(forest.tables, len(forest.features))
        first, tables = OnnxPredictor(content), read_forest(content)
        if tables is None:
            raise SystemExit("the forest that was written is not read as one")
        compiled = TreePredictor(tables, first.signature, first.example(1), kernel(folder))
        runs: dict[str, Callable[[Rows], object]] = {
            "onnxruntime": lambda rows, first=first: first.predict(Batch({"x": rows})),
            "compiled": lambda rows, one=compiled: one.predict(Batch({"x": rows})),
            forest.library: forest.predict,
        }
        if with_tl2cgen:
            runs["tl2cgen"] = tl2cgen_form(saved, folder)
        started = time.process_time()
        served = cheapest_form(content, OnnxPredictor(content), folder)
        took = time.process_time() - started
        missed += told(name, measured(runs, FEATURES, sizes), served, sizes)
        print(f"loading and choosing: {took:.2f} CPU-s")
    return missed


def tl2cgen_form(saved: bytes, folder: Path) -> Callable[[Rows], object]:
    """The same trees as code of tl2cgen, which is built here."""
    import tl2cgen  # type: ignore[import-untyped]  # noqa: PLC0415
    import treelite  # noqa: PLC0415

    is_text = saved.startswith(b"tree")
    written = folder / ("model.txt" if is_text else "model.json")
    written.write_bytes(saved)
    read: Any = treelite.frontend
    model = (read.load_lightgbm_model if is_text else read.load_xgboost_model)(str(written))
    library = folder / f"tl2cgen-{written.stem}-{is_text}.so"
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tl2cgen.export_lib(model, toolchain="gcc", libpath=str(library), params={})
    print(f"tl2cgen took {time.perf_counter() - started:.0f} s to build its code")
    predictor = tl2cgen.Predictor(str(library), nthread=1)
    return lambda rows: predictor.predict(tl2cgen.DMatrix(rows))


def encoder() -> int:
    sizes, content = (1, 8, 32), transformer()
    first = OnnxPredictor(content)
    forms: dict[str, Predictor] = {
        "onnxruntime": first,
        "openvino": OpenVinoPredictor(content, first),
        "openvino, bf16": OpenVinoPredictor(content, first, "bf16"),
    }
    runs: Runs = {
        name: lambda rows, form=form: form.predict(Batch({"window": rows}))  # type: ignore[misc]
        for name, form in forms.items()
    }
    started = time.process_time()
    served = cheapest_form(content, OnnxPredictor(content), None)
    took = time.process_time() - started
    missed = told("Transformer on 168 steps", measured(runs, WINDOW, sizes), served, sizes)
    print(f"loading and choosing: {took:.2f} CPU-s")
    rows = np.random.default_rng(1).normal(size=(32, WINDOW)).astype(np.float32)
    exact = first.predict(Batch({"window": rows}))["forecast"]
    for name, form in list(forms.items())[1:]:
        apart = np.abs(form.predict(Batch({"window": rows}))["forecast"] - exact).max()
        print(f"{name}: differs by {apart:.1e} of answers up to {np.abs(exact).max():.2f}")
    return missed


def main(arguments: Sequence[str]) -> int:
    """Print the tables; 1 when a choice was wrong."""
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        missed = trees(Path(folder), with_tl2cgen="--with-tl2cgen" in arguments)
    return int(missed + encoder() > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
