"""What explaining a row costs beside predicting it, through the same door, by their receipts.

    python benchmarks/explaining.py

A platform of its own; requests of one row to `/predict/D` and `/explain/D` in turns, a row each
time of its own, and the median of their receipts. Boosted trees are of the usual size, forests of
four: what a row's answer costs does not grow with the leaves that it does not come to, and its
exact explanation looks at all of them. Exit code 1 where any but the largest costs over 20 times.
"""

import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import httpx
import lightgbm
import numpy as np
import xgboost
from sklearn.ensemble import ExtraTreesClassifier, RandomForestRegressor

from lichen.client.connection import Lichen, connect
from lichen.frameworks.importing.scikit.forests import forest_of
from lichen.frameworks.onnx_writer import linear_core
from lichen.protocol.footprint import parse_receipt
from lichen.server.listening import listen
from lichen.server.settings import as_environment, inherited_environment, load

COLUMNS = tuple(f"c{number:02d}" for number in range(20))
ROWS, REQUESTS, MOST_TIMES = 20_000, 300, 20.0
RANDOM = np.random.default_rng(0)


@dataclass(frozen=True)
class Model:
    """A file to import; `is_held`: its explanations must keep the limit."""

    name: str
    path: Path
    is_held: bool


def models(folder: Path) -> Iterator[Model]:
    """Trees of every kind, and a sum."""
    rows = RANDOM.normal(size=(ROWS, len(COLUMNS))).astype(np.float32)
    target = rows[:, 0] * rows[:, 1] + np.sin(2 * rows[:, 2]) + rows[:, 3]
    kinds = np.digitize(target, [-1.0, 1.0])
    shared = {"num_leaves": 31, "num_threads": 1, "verbosity": -1}
    for name, more, goal, rounds in (
        ("LightGBM, 300 trees of 31 leaves", {"objective": "regression"}, target, 300),
        (
            "LightGBM, 3 classes x 100 trees",
            {"objective": "multiclass", "num_class": 3},
            kinds,
            100,
        ),
    ):
        path = folder / f"lightgbm-{rounds}.txt"
        lightgbm.train({**shared, **more}, lightgbm.Dataset(rows, goal), rounds).save_model(path)
        yield Model(name, path, is_held=True)
    path = folder / "xgboost.ubj"
    data = xgboost.DMatrix(rows, target)
    xgboost.train({"max_depth": 6, "nthread": 1}, data, 300).save_model(path)
    yield Model("XGBoost, 300 trees of depth 6", path, is_held=True)
    for count, is_held in ((500, True), (2000, True), (8000, False)):
        path = folder / f"forest-{count}.onnx"
        forest = RandomForestRegressor(100, n_jobs=1, random_state=0, min_samples_leaf=2)
        leaves = written(forest.fit(rows[:count], target[:count]), path)
        yield Model(f"forest, 100 trees of {leaves} leaves", path, is_held=is_held)
    path = folder / "extra.onnx"
    extra = ExtraTreesClassifier(100, n_jobs=1, random_state=0, min_samples_leaf=5)
    leaves = written(extra.fit(rows[:2000], kinds[:2000]), path)
    yield Model(f"extra trees, 3 classes, 100 of {leaves} leaves", path, is_held=True)
    path = folder / "linear.onnx"
    path.write_bytes(linear_core(RANDOM.normal(size=(20, 1))))
    yield Model("linear", path, is_held=True)


def written(forest: RandomForestRegressor | ExtraTreesClassifier, path: Path) -> int:
    """Write a forest as ONNX; the leaves of its trees on average."""
    path.write_bytes(forest_of(forest).core)  # type: ignore[union-attr] # it is one
    return int(np.mean([one.get_n_leaves() for one in forest.estimators_]))


def measured(platform_: Lichen, model: Model, client: httpx.Client) -> bool:
    """Print the line of one model; whether it keeps the limit."""
    name = model.path.stem
    columns = COLUMNS if model.path.suffix == ".onnx" else ()
    platform_.models.import_file(model.path, name, columns=columns)
    platform_.deployments.deploy(name)
    named = (platform_.inference.metadata(name).inputs[0].parameters or {})["columns"]
    spent: dict[str, list[int]] = {"predict": [], "explain": []}
    for row in RANDOM.normal(size=(REQUESTS, len(COLUMNS))):
        body = {"rows": [dict(zip(named, row.tolist(), strict=True))]}
        for verb, kept in spent.items():
            answer = client.post(f"/{verb}/{name}", json=body)
            answer.raise_for_status()
            kept.append(parse_receipt(answer.headers["lichen-receipt"]).energy.nj)
    predicted, explained = (statistics.median(one) / 1e3 for one in spent.values())
    method = client.post(f"/explain/{name}", json=body).json()["method"]
    times = explained / predicted
    print(
        f"{model.name:48} {method:12} {predicted:9.1f} uJ {explained:11.1f} uJ {times:8.1f}",
        flush=True,
    )
    return times <= MOST_TIMES or not model.is_held


@contextmanager
def running(folder: Path) -> Iterator[tuple[Lichen, str, str]]:
    """A platform, the address of its data plane, and its key."""
    ports = {}
    for door in ("http", "grpc", "control"):
        with listen("127.0.0.1", 0, door) as bound:
            ports[door] = bound.getsockname()[1]
    flags = {"home": folder / "home", "runtime": folder / "run", "zone": "DE", **ports}
    settings = load(flags, {})
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "lichen.server.supervisor", "--ready", str(write_end)],
        env={**inherited_environment(), **as_environment(settings)},
        pass_fds=[write_end],
    )
    os.close(write_end)
    try:
        os.read(read_end, 1)
        key = (settings.home / "admin.key").read_text().strip()
        with connect(home=settings.home) as opened:
            yield opened, f"http://127.0.0.1:{ports['http']}", key
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        os.close(read_end)


def main() -> int:
    """Start a platform, measure, and stop it."""
    packages = ("numpy", "onnxruntime", "lightgbm", "xgboost-cpu", "scikit-learn")
    said = ", ".join(f"{one} {version(one)}" for one in packages)
    print(f"Python {platform.python_version()}, {said}")
    print(f"{'model':48} {'method':12} {'predict':>12} {'explain':>14} {'times':>8}")
    with tempfile.TemporaryDirectory() as name, running(Path(name)) as (opened, address, key):
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
            good = [measured(opened, model, client) for model in models(Path(name))]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
