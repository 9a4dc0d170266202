"""What a row of a batch job costs by the rows computed at once, and beside one request a row.

    python benchmarks/batch_prediction.py

A platform of its own; jobs over one Parquet file, their receipts over its rows, so that starting a
process and reading and writing the files are in. Beside them, the receipts of requests of one row
to the same deployment. Exit code 1 when the size that a job measures costs over 1.25 times the
best.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import duckdb
import lightgbm
import numpy as np

from lichen.client.connection import Lichen, connect
from lichen.frameworks.onnx_writer import linear_core
from lichen.protocol.admin import Job
from lichen.server.listening import listen
from lichen.server.settings import as_environment, inherited_environment, load

COLUMNS = tuple(f"c{number:02d}" for number in range(20))
ROWS, SIZES, REQUESTS, TREES = 300_000, (1, 8, 32, 128, 512, 2048), 500, 300
MOST_TIMES_BEST = 1.25


def models(folder: Path) -> Mapping[str, Path]:
    """A linear model and a forest, as files to import."""
    random = np.random.default_rng(0)
    linear, trees = folder / "linear.onnx", folder / "trees.txt"
    linear.write_bytes(linear_core(random.normal(size=(len(COLUMNS), 1))))
    rows = random.normal(size=(20_000, len(COLUMNS)))
    target = rows[:, 0] * rows[:, 1] + np.sin(2 * rows[:, 2])
    leaves = {"objective": "regression", "num_leaves": 31, "num_threads": 1, "verbosity": -1}
    data = lightgbm.Dataset(rows, target, feature_name=list(COLUMNS))
    trees.write_text(lightgbm.train(leaves, data, TREES).model_to_string())
    return {"linear": linear, "trees": trees}


def table(folder: Path) -> Path:
    """So many rows of numbers."""
    path = folder / "in.parquet"
    columns = ", ".join(
        f"sin(range * {at + 1})::FLOAT AS {name}" for at, name in enumerate(COLUMNS)
    )
    with duckdb.connect() as session:
        session.execute(f"COPY (SELECT {columns} FROM range({ROWS})) TO '{path}'")  # noqa: S608
    return path


def one_by_one(lichen: Lichen, name: str) -> float:
    """Microjoules of a row that is a request by itself, by the median of their receipts."""
    described = lichen.inference.metadata(name).inputs[0]
    rows = np.random.default_rng(1).normal(size=(REQUESTS, 1, len(COLUMNS))).astype(np.float32)
    answers = [lichen.predict(name, {described.name: row}) for row in rows]
    return statistics.median(one.receipt.energy.nj for one in answers if one.receipt) / 1e3


def batched(lichen: Lichen, name: str, file: Path, batch_rows: int | None) -> Job:
    """A job that computes so many rows at once; None: as many as it finds best."""
    submitted = lichen.predictions.submit(name, file, batch_rows=batch_rows)
    return lichen.jobs.wait(submitted.id)


def compare(lichen: Lichen, name: str, file: Path) -> bool:
    """Print the table of one model; whether the size that was measured is good."""
    print(f"\n{name}, {ROWS} rows of {len(COLUMNS)} numbers")
    print(f"  {'one request a row (plane alone)':34} {one_by_one(lichen, name):9.1f} uJ a row")
    batched(lichen, name, file, None)  # measures, so that all after it have chunks of one size
    costs = {}
    for size in SIZES:
        made = batched(lichen, name, file, size).result or {}
        costs[size] = made["nj_per_row"] / 1e3
        print(
            f"  {f'job, {size} rows at once':34} {costs[size]:9.1f} uJ a row, {made['seconds']} s"
        )
    found = batched(lichen, name, file, None).result or {}
    cost, least = found["nj_per_row"] / 1e3, min(costs.values())
    print(f"  {'job, ' + str(found['batch_rows']) + ' rows, as measured':34} {cost:9.1f} uJ a row")
    print(
        f"  measured / best {cost / least:.2f}, rows one at a time / measured {costs[1] / cost:.2f}"
    )
    return bool(cost <= MOST_TIMES_BEST * least)


def main() -> int:
    """Start a platform, compare, and stop it."""
    with tempfile.TemporaryDirectory() as name:
        folder, ports = Path(name), {}
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
            file = table(folder)
            with connect(home=settings.home) as lichen:
                good = []
                for model, path in models(folder).items():
                    columns = COLUMNS if model == "linear" else ()
                    lichen.models.import_file(path, model, columns=columns)
                    lichen.deployments.deploy(model)
                    good.append(compare(lichen, model, file))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
            os.close(read_end)
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
