"""Every row of a table is answered once, however often the job's process dies."""
# ruff: noqa: S608 - the SQL names our own temporary files

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import pytest

from lichen.control.jobs import Jobs
from lichen.control.state import Deployments
from lichen.control.transitions import Claim, JobRecord
from lichen.core.batch import Batch
from lichen.core.clock import SystemClock
from lichen.core.errors import InvalidInput, LichenError, NotFound
from lichen.core.figures import Method
from lichen.core.ids import DEFAULT_TENANT, Digest, ModelReference
from lichen.core.tensors import Signature, with_columns
from lichen.energy.page import PageContent, PageWriter, Rate
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import linear_core
from lichen.pipeline.declaration import Classes, Number, OneHot, Pipeline
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import pipeline_signature
from lichen.protocol.admin import FileSpec, JobKind, JobState
from lichen.protocol.predicting import KeptFile, PredictResult, PredictSpec
from lichen.registry.catalog import Catalog
from lichen.registry.imports import ForeignModel, import_foreign
from lichen.server.home import Home
from lichen.server.sections import Settings
from lichen.server.settings import load
from lichen.server.work import batch_standing, predict_jobs
from lichen.server.work.job import open_workbench
from lichen.server.work.predict_jobs import predict
from lichen.server.work.table_answers import TableAnswers
from lichen.serving.deployment import ServiceLevel
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import SqliteDocuments

RATE = Rate(2.0, 1.0, 4.0, Method.MODELLED, "a test", 1)
WEIGHTS = np.random.default_rng(0).normal(size=(3, 1))
ROWS, BATCH = 2_000, 16


class Killed(BaseException):
    """The process is gone: nothing catches it."""


@dataclass
class Platform:
    """A home with one deployment, `d`, and no process."""

    settings: Settings
    documents: SqliteDocuments
    jobs: Jobs
    blobs: LocalBlobs

    @property
    def home(self) -> Home:
        return Home(self.settings.home)

    def submit(self, file: Path | bytes, name: str, **more: Any) -> JobRecord:  # noqa: ANN401
        content = file if isinstance(file, bytes) else file.read_bytes()
        (self.home.uploads / "up").write_bytes(content)
        told = FileSpec(upload="up", filename=name)
        spec = msgspec.to_builtins(PredictSpec(deployment="d", file=told, **more))
        job = self.jobs.submit(JobKind.PREDICT, spec, DEFAULT_TENANT)
        self.home.job(job.id).mkdir(parents=True)
        return job

    def attempt(self, job: JobRecord) -> JobRecord:
        """One process of the job, in this one."""
        until = SystemClock().now() + timedelta(seconds=60)
        claimed = self.jobs.apply(job.id, Claim("worker", until))
        bench = open_workbench(self.settings, job.id, claimed.fence)
        try:
            predict(bench)
        finally:
            bench.spending.close()
            bench.documents.close()
        return self.jobs.get(job.id)

    def output(self, job: JobRecord) -> bytes:
        made = msgspec.convert(self.jobs.get(job.id).result, PredictResult)
        return self.blobs.get(Digest(made.output))


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    settings = load({"home": tmp_path / "home", "runtime": tmp_path, "zone": "DE"}, {})
    home, clock = Home(settings.home), SystemClock()
    home.prepare()
    writer = PageWriter(tmp_path)
    writer.publish(PageContent(1, 0, 1, 0, 0, 0, RATE))
    documents, blobs = SqliteDocuments(home.documents), LocalBlobs(home.blobs)
    catalog = Catalog(documents, blobs, clock)
    content = linear_core(WEIGHTS)
    signature = OnnxPredictor(content).signature
    named = with_columns(signature.inputs[0], ("a", "b", "c"))
    signature = Signature((named,), signature.outputs)
    model = ForeignModel("m", signature, {"model.onnx": content}, "m.onnx", "onnx")
    import_foreign(catalog, model, "0", None, lambda _: ())
    Deployments(documents, catalog).deploy(
        "d", ModelReference("m", "1"), DEFAULT_TENANT, ServiceLevel()
    )
    yield Platform(settings, documents, Jobs(documents, clock), blobs)
    documents.close()
    writer.close()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "in.parquet"
    columns = ", ".join(f"sin(range * {at})::FLOAT AS {name}" for at, name in enumerate("abc", 1))
    with duckdb.connect() as session:
        session.execute(f"COPY (SELECT range AS id, {columns} FROM range({ROWS})) TO '{path}'")
    return path


def rows_of(content: bytes, folder: Path) -> list[tuple[object, ...]]:
    path = folder / "read.parquet"
    path.write_bytes(content)
    with duckdb.connect() as session:
        return session.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()


def small_chunks(patch: pytest.MonkeyPatch) -> None:
    """Chunks of 256 rows: eight of them."""
    patch.setattr(predict_jobs, "chunk_rows", lambda _sizing, _values: 256)


def test_all_rows_are_answered_as_the_model_does(
    platform: Platform, table: Path, tmp_path: Path
) -> None:
    done = platform.attempt(platform.submit(table, "in.parquet"))
    assert done.state is JobState.SUCCEEDED
    made = msgspec.convert(done.result, PredictResult)
    assert (made.rows, made.failed_rows, made.filename) == (ROWS, 0, "in-predictions.parquet")
    assert (made.model, made.version, made.variant) == ("m", 1, "fp32")
    assert done.receipt is not None
    assert made.nj_per_row == done.receipt.energy.nj // ROWS > 0
    found = rows_of(platform.output(done), tmp_path)
    assert [row[0] for row in found] == list(range(ROWS))
    inputs = np.array([row[1:4] for row in found], dtype=np.float32)
    expected = OnnxPredictor(linear_core(WEIGHTS)).predict(Batch({"features": inputs}))["raw"]
    answers = np.array([row[4] for row in found], dtype=np.float32)
    np.testing.assert_allclose(answers, expected[:, 0], rtol=1e-5, atol=1e-6)


def test_a_file_that_is_kept_is_answered_again_as_one_that_was_uploaded(
    platform: Platform, table: Path
) -> None:
    uploaded = platform.attempt(platform.submit(table, "in.parquet"))
    kept = KeptFile(sha256=platform.blobs.put_file(table), filename="in.parquet")
    spec = msgspec.to_builtins(PredictSpec(deployment="d", kept=kept))
    for _ in range(2):
        job = platform.jobs.submit(JobKind.PREDICT, spec, DEFAULT_TENANT)
        platform.home.job(job.id).mkdir(parents=True)
        done = platform.attempt(job)
        assert platform.output(done) == platform.output(uploaded)
        assert msgspec.convert(done.result, PredictResult).filename == "in-predictions.parquet"


def test_raw_rows_with_empty_cells_get_a_column_for_each_class(platform: Platform) -> None:
    pipeline = Pipeline(
        encoders=[
            Number(column="size", fill=0.0, may_lack=True),
            Number(column="wet", is_boolean=True),
            OneHot(column="kind", values=["air"], flags_other=False, may_lack=True),
        ],
        head=Classes(labels=["fine", "poor"], set_threshold=0.3),
    )
    files = {"model.onnx": linear_core(np.array([[50.0], [-90.0], [9.0]]))}
    catalog = Catalog(platform.documents, platform.blobs, SystemClock())
    model = ForeignModel(
        "p", pipeline_signature(pipeline), {**files, **pipeline_files(pipeline)}, "trained"
    )
    import_foreign(catalog, model, "0", None, lambda _: ())
    Deployments(platform.documents, catalog).deploy(
        "d", ModelReference("p", "1"), DEFAULT_TENANT, ServiceLevel()
    )
    content = b"wet,id,kind,size\nfalse,7,air,\ntrue,8,,1.5\nFALSE,9,lava,NA\nmaybe,10,air,1\n"
    done = platform.attempt(platform.submit(content, "rows.csv", on_error="skip"))
    found = list(csv.DictReader(io.StringIO(platform.output(done).decode())))
    assert [row["prediction"] for row in found] == ["poor", "fine", "fine", ""]
    assert [round(float(row["probability_poor"]), 3) for row in found[:3]] == [1.0, 0.0, 0.5]
    assert [row["in_set_poor"] for row in found] == ["true", "false", "true", ""]
    assert [row["id"] for row in found] == ["7", "8", "9", "10"]
    assert found[3]["error"] == "column 'wet' holds 'maybe', which is no FP64"


def test_a_batch_that_cost_least_is_known_to_the_next_job(platform: Platform, table: Path) -> None:
    first = platform.attempt(platform.submit(table, "in.parquet"))
    second = platform.attempt(platform.submit(table, "in.parquet"))
    sizes = [(one.result or {})["batch_rows"] for one in (first, second)]
    assert sizes[0] == sizes[1]
    assert platform.output(first) == platform.output(second)


@pytest.mark.parametrize(
    ("name", "is_before"),
    [
        ("write_part", True),
        ("write_part", False),
        ("save", True),
        ("save", False),
        ("join_parts", True),
        ("join_parts", False),
        ("complete", True),
    ],
)
def test_killed_anywhere_no_row_is_lost_or_twice_and_one_chunk_at_most_is_redone(
    platform: Platform,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    is_before: bool,  # noqa: FBT001
) -> None:
    small_chunks(monkeypatch)
    whole = platform.attempt(platform.submit(table, "in.parquet", batch_rows=BATCH))
    job = platform.submit(table, "in.parquet", batch_rows=BATCH)
    asked: list[tuple[int, int]] = []
    real = TableAnswers.answer

    def answer(self: Any, first: int, rows: int, batch: int) -> Any:  # noqa: ANN401
        asked.append((first, rows))
        return real(self, first, rows, batch)

    monkeypatch.setattr(TableAnswers, "answer", answer)
    kills = 0
    for countdown in (3, 2, 1):
        with monkeypatch.context() as patch:
            killer(patch, name, countdown, is_before=is_before)
            try:
                platform.attempt(job)
            except Killed:
                kills += 1
                continue
        break
    else:
        platform.attempt(job)
    assert kills > 0
    assert platform.jobs.get(job.id).state is JobState.SUCCEEDED
    assert platform.output(job) == platform.output(whole)
    assert len(asked) - len(set(asked)) <= kills


def killer(patch: pytest.MonkeyPatch, name: str, countdown: int, *, is_before: bool) -> None:
    """From the call with this number on, the process dies before it, or right after."""
    place: Any = {
        "save": batch_standing,
    }.get(name, predict_jobs)
    real: Callable[..., Any] = getattr(place, name)
    left = countdown if name in ("write_part", "save") else 1

    def fatal(*arguments: Any) -> Any:  # noqa: ANN401
        nonlocal left
        left -= 1
        if left == 0 and is_before:
            raise Killed
        found = real(*arguments)
        if left == 0:
            raise Killed
        return found

    patch.setattr(place, name, fatal)


def test_a_row_that_cannot_be_read_fails_the_job_by_its_number(platform: Platform) -> None:
    job = platform.submit(b"a,b,c\n1,2,3\n1,x,3\n", "in.csv")
    with pytest.raises(InvalidInput, match=r"row 3: column 'b' holds 'x', which is no FP32"):
        platform.attempt(job)


def test_or_it_is_skipped_with_the_reason_beside_it(platform: Platform) -> None:
    job = platform.submit(b"id,a,b,c\n1,1,2,3\n2,1,x,3\n3,,2,3\n", "in.csv", on_error="skip")
    done = platform.attempt(job)
    rows = list(csv.DictReader(io.StringIO(platform.output(done).decode())))
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert [bool(row["prediction"]) for row in rows] == [True, False, False]
    assert [bool(row["error"]) for row in rows] == [False, True, True]
    assert (done.result or {})["failed_rows"] == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a,b\n1,2\n", "no column c"),
        (b"a,b,c,prediction\n1,2,3,4\n", "has a column 'prediction'"),
        (b"a,b,c\n", "no rows"),
    ],
)
def test_a_table_that_cannot_be_the_input_is_refused(
    platform: Platform, content: bytes, says: str
) -> None:
    with pytest.raises(LichenError, match=says):
        platform.attempt(platform.submit(content, "in.csv"))


def test_a_deployment_that_is_gone_when_the_job_starts(platform: Platform, table: Path) -> None:
    job = platform.submit(table, "in.parquet")
    catalog = Catalog(platform.documents, platform.blobs, SystemClock())
    Deployments(platform.documents, catalog).undeploy("d")
    with pytest.raises(NotFound, match="was undeployed before the job started"):
        platform.attempt(job)


def test_another_tenants_deployment_of_the_same_name_answers_nothing(
    platform: Platform, table: Path
) -> None:
    platform.attempt(platform.submit(table, "in.parquet", owner=DEFAULT_TENANT))
    with pytest.raises(NotFound, match="is another tenant's by now"):
        platform.attempt(platform.submit(table, "in.parquet", owner="another"))


def test_a_version_deployed_meanwhile_answers_no_row_of_a_job_that_began(
    platform: Platform, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_chunks(monkeypatch)
    whole = platform.attempt(platform.submit(table, "in.parquet", batch_rows=BATCH))
    job = platform.submit(table, "in.parquet", batch_rows=BATCH)
    with monkeypatch.context() as patch:
        killer(patch, "save", 3, is_before=False)
        with pytest.raises(Killed):
            platform.attempt(job)
    catalog = Catalog(platform.documents, platform.blobs, SystemClock())
    content = linear_core(2 * WEIGHTS)
    model = ForeignModel(
        "m", OnnxPredictor(content).signature, {"model.onnx": content}, "m.onnx", "onnx"
    )
    import_foreign(catalog, model, "0", None, lambda _: ())
    Deployments(platform.documents, catalog).deploy(
        "d", ModelReference("m", "2"), DEFAULT_TENANT, ServiceLevel()
    )
    done = platform.attempt(job)
    assert (done.result or {})["version"] == 1
    assert platform.output(done) == platform.output(whole)
