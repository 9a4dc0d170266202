"""CPU to fit each algorithm of the tables' portfolio, and CPU for each prediction as ONNX.

`python benchmarks/estimators.py [ROWS]`: rows of 20 made-up features; the best of five rounds.
"""

import sys
import time

import numpy as np

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.blas import one_blas_thread
from lichen.frameworks.estimation import Estimator, Examples, FittedCore, no_pause
from lichen.frameworks.estimators.portfolio import portfolio
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import INPUT

WIDTH = 20
BATCHES = (1, 32, 256)
ROUNDS, ROUND_S = 5, 0.01


def examples(rows: int, classes: int) -> Examples:
    random = np.random.default_rng(0)
    features = random.standard_normal((rows, WIDTH)).astype(np.float32)
    score = 2 * features[:, 0] + np.sin(2 * features[:, 1]) + features[:, 2] * features[:, 3]
    score = (score + 0.3 * random.standard_normal(rows)).astype(np.float64)
    if not classes:
        return Examples(features=features, target=score)
    edges = np.quantile(score, np.arange(1, classes) / classes)
    target = np.searchsorted(edges, score).astype(np.float64)
    return Examples(features=features, target=target, classes=classes)


def prediction_us(predictor: OnnxPredictor, batch: Batch, rows: int) -> float:
    """Microseconds of CPU for each row of a batch."""
    predictor.predict(batch)
    best = float("inf")
    for _ in range(ROUNDS):
        calls, started = 0, time.thread_time()
        while time.thread_time() - started < ROUND_S:
            predictor.predict(batch)
            calls += 1
        best = min(best, (time.thread_time() - started) / calls / rows)
    return 1e6 * best


def fitted(one: Estimator, rows: Examples) -> tuple[FittedCore, float]:
    started = time.process_time()
    core = one.fit(rows, {}, 0, no_pause)
    return core, time.process_time() - started


def line(one: Estimator, rows: Examples) -> str:
    try:
        fitted(one, examples(100, rows.classes))  # loads its library
        core, seconds = fitted(one, rows)
    except InvalidInput as refused:
        return f"{rows.classes:7d} {one.name:13s} {refused}"
    content = core.onnx()
    predictor = OnnxPredictor(content)
    each = [
        prediction_us(predictor, Batch({INPUT: rows.features[:size].copy()}), size)
        for size in BATCHES
    ]
    predictor.close()
    said = " ".join(f"{one:9.2f}" for one in each)
    return f"{rows.classes:7d} {one.name:13s} {seconds:9.3f} {said} {len(content) / 1024:9.0f}"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    print(f"{count} rows of {WIDTH} features; CPU-seconds to fit, us a prediction by batch, KB")
    print(f"classes {'':13s} {'fit':>9s} " + " ".join(f"{size:9d}" for size in BATCHES))
    with one_blas_thread():
        for classes in (0, 2, 3):
            rows = examples(count, classes)
            for one in portfolio(classes):
                print(line(one, rows), flush=True)


if __name__ == "__main__":
    main()
