"""`lichen predict` of files that a job answers, through a real platform."""

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.client.connection import connect
from lichen.frameworks.onnx_writer import linear_core

ROWS = 3_000


class Ended(Protocol):
    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str: ...


Cli = Callable[..., Ended]


@pytest.fixture(scope="session")
def weights() -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=(2, 1))


class Running(Protocol):
    home: Path


@pytest.fixture(scope="session")
def lin(
    running: Running, tmp_path_factory: pytest.TempPathFactory, weights: NDArray[np.float64]
) -> str:
    """A deployment that takes the columns `a` and `b`."""
    model = tmp_path_factory.mktemp("lin") / "lin.onnx"
    model.write_bytes(linear_core(weights))
    with connect(home=running.home) as platform:
        platform.models.import_file(model, "lin", columns=("a", "b"))
        return platform.deployments.deploy("lin").name


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "big.parquet"
    with duckdb.connect() as session:
        session.execute(
            f"COPY (SELECT range AS id, sin(range)::FLOAT AS a, cos(range)::FLOAT AS b "  # noqa: S608
            f"FROM range({ROWS})) TO '{path}' (FORMAT parquet)"
        )
    return path


def read(file: Path) -> list[tuple[object, ...]]:
    with duckdb.connect() as session:
        return session.execute("SELECT * FROM read_parquet(?)", [str(file)]).fetchall()


def test_the_journey_to_a_deadline(
    lin: str, cli: Cli, table: Path, tmp_path: Path, weights: NDArray[np.float64]
) -> None:
    output = tmp_path / "out.parquet"
    ended = cli(
        "predict", lin, "--input", table, "--deadline", "2min", "--wait", "--output", output
    )
    assert ended.code == 0, ended.err
    assert f"{ROWS} rows by lin@" in ended.err
    assert "a row" in ended.err
    rows = read(output)
    assert [row[0] for row in rows] == list(range(ROWS))
    inputs = np.array([row[1:3] for row in rows])
    answers = np.array([row[3] for row in rows])
    np.testing.assert_allclose(answers, (inputs @ weights)[:, 0], rtol=1e-4, atol=1e-5)


def test_without_waiting_the_output_is_fetched_later(
    lin: str, cli: Cli, table: Path, tmp_path: Path
) -> None:
    ended = cli("predict", lin, "--input", table, "--deadline", "2min", "--json")
    job = json.loads(ended.out)["job"]
    assert job["kind"] == "batch-predict"
    assert job["schedule"]["interruptible"]
    target = tmp_path / "later.parquet"
    too_early = cli("jobs", "output", job["id"], target)
    assert too_early.code == 3 or target.is_file()
    while json.loads(cli("jobs", "show", job["id"], "--json").out)["state"] != "succeeded":
        time.sleep(0.05)
    assert cli("jobs", "output", job["id"], target).code == 0
    assert len(read(target)) == ROWS


def test_a_csv_comes_back_on_standard_output(lin: str, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("a;b;note\n1,5;2;first\n3;x;second\n")
    arguments = ("predict", lin, "--input", file, "--deadline", "2min", "--wait")
    refused = cli(*arguments)
    assert refused.code == 2
    assert "lichen: row 3: column 'b' holds 'x', which is no FP32" in refused.err
    ended = cli(*arguments, "--on-error", "skip")
    assert ended.code == 0, ended.err
    rows = list(csv.DictReader(ended.out.splitlines(), delimiter=";"))
    assert [row["note"] for row in rows] == ["first", "second"]
    assert rows[0]["prediction"].count(",") == 1
    assert rows[1]["prediction"] == ""
    assert "1 of them without an answer" in ended.err


def test_a_forecaster_with_a_deadline_starts_from_its_newest_rows(
    served: object, cli: Cli, tmp_path: Path
) -> None:
    assert served
    output = tmp_path / "forecast.csv"
    ended = cli("predict", "d", "--deadline", "2min", "--wait", "--output", output)
    assert ended.code == 0, ended.err
    rows = list(csv.DictReader(output.read_text().splitlines()))
    assert len(rows) == 24
    assert all(float(row["q10"]) <= float(row["prediction"]) <= float(row["q90"]) for row in rows)


def test_a_dataset_is_an_input_too(lin: str, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    file.write_text("a,b\n1,2\n3,4\n")
    assert cli("data", "add", "points", file).code == 0
    output = tmp_path / "points.parquet"
    ended = cli("predict", lin, "--data", "points", "--wait", "--output", output)
    assert ended.code == 0, ended.err
    assert [row[:2] for row in read(output)] == [(1, 2), (3, 4)]


@pytest.mark.parametrize(
    ("name", "content", "code", "says"),
    [
        ("x.parquet", b"PAR", 2, "is no Parquet file"),
        ("x.parquet", b"", 2, "is empty"),
        ("x.csv", b"", 2, "is empty"),
        ("x.csv", b"a,c\n1,2\n", 2, "no column b"),
        ("x.json", b"{}", 2, "is no table"),
    ],
)
def test_what_no_job_can_answer_is_refused_in_one_sentence(
    lin: str, cli: Cli, tmp_path: Path, name: str, content: bytes, code: int, says: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    ended = cli("predict", lin, "--input", file, "--deadline", "2min", "--wait")
    assert ended.code == code
    last = ended.err.splitlines()[-1]  # what the job waited for may stand before it
    assert last.startswith("lichen: ")
    assert says in last


def test_an_unknown_deployment_or_deadline(lin: str, cli: Cli, table: Path) -> None:
    unknown = cli("predict", "nobody", "--input", table, "--deadline", "1h")
    assert (unknown.code, "no deployment 'nobody'" in unknown.sentence) == (3, True)
    late = cli("predict", lin, "--input", table, "--deadline", "soon")
    assert (late.code, "deadline" in late.sentence) == (2, True)


def test_predictions_recur_from_a_file_and_from_a_dataset(
    lin: str, cli: Cli, table: Path, good: Path
) -> None:
    kept = cli("predict", lin, "--input", table, "--every", "week", "--schedule", "rows", "--json")
    made = json.loads(kept.out)["schedule"]
    assert (kept.code, made["job"]["spec"]["kept"]["filename"]) == (0, table.name)
    assert made["job"]["schedule"]["interruptible"] is True

    cli("data", "add", "rows-of-lin", good)
    told = cli("predict", lin, "--data", "rows-of-lin", "--every", "day", "--deadline", "6h")
    assert told.out.startswith(f"schedule predict-{lin}: batch-predict every day (UTC); next due")
    for name in ("rows", f"predict-{lin}"):
        assert cli("schedules", "rm", name).code == 0

    refused = cli("predict", lin, "--input", table, "--every", "day", "--output", "out.csv")
    assert (refused.code, "leave --output and --start out" in refused.err) == (2, True)
    gone = cli("predict", "nobody", "--input", table, "--every", "day")
    assert gone.code == 3
